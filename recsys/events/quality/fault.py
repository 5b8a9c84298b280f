"""When a day of events is not good enough to be committed."""

import polars as pl

from recsys import columns as c
from recsys.events.partition import Checked
from recsys.sites.config import QualityPolicy

SAMPLES = 3
"Rows shown of the worst reason."


def fault_of(checked: Checked, policy: QualityPolicy, *, of_rows: int | None = None) -> str | None:
    """Why these rows must not be committed; None where they may.

    Args:
        checked: the rows of one partition.
        policy: the site's ``quality``.
        of_rows: how many rows the bad ones are a share of; by default those of the partition.
    """
    counts = checked.counts
    if not counts.rows_in:
        return None if policy.allow_empty_days else "found no rows, expected some (quality.allow_empty_days is false)"
    whole = max(of_rows or 0, counts.rows_in)
    if counts.bad <= policy.max_bad_share * whole:
        return None
    reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in counts.quarantined.items())
    worst = checked.quarantine.filter(pl.col(c.REASON) == next(iter(counts.quarantined))).head(SAMPLES)
    samples = "".join(f"\n    {file} line {line} [{reason}] {raw[:300]}" for file, line, reason, raw in worst.rows())
    return (
        f"found {counts.bad:,} of {whole:,} rows bad ({counts.bad / whole:.1%}), expected at most "
        f"{policy.max_bad_share:.1%}: {reasons}; such as{samples}"
    )
