"""The table level of data quality: whether one partition, all of it, may be committed."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl

from recsys import columns as c
from recsys.events.partition import Checked
from recsys.events.quality import checks
from recsys.events.quality.report import Check, PastDay, QualityReport
from recsys.events.quality.samples import set_aside
from recsys.events.raw import SourceFile
from recsys.events.schema import IMPRESSIONS, INTERACTIONS, ITEM_UPDATES, QUARANTINE
from recsys.sites.config import QualityPolicy
from recsys.types import SiteId

UNDATED: Final = "undated"
"The partition of the rows whose time cannot be told: quarantine alone."
PAST_KEPT: Final = 30
"Partitions before that a report shows."


def judged(
    partition_key: str,
    checked: Checked,
    policy: QualityPolicy,
    *,
    site: SiteId,
    past: Sequence[PastDay] = (),
    source_files: Sequence[SourceFile] = (),
    of_rows: int | None = None,
    unreadable: str | None = None,
) -> QualityReport:
    """What all checks say about one partition; nothing is raised, whatever is wrong with it.

    Args:
        partition_key: its UTC day, or day and hour, in ISO form (2026-01-31, 2026-01-31T05), or ``UNDATED``.
        checked: its rows.
        policy: the site's ``quality``.
        site: whose it is.
        past: partitions committed before, the oldest first; the last ``volume.days`` of them are compared with, of
            hours those of the same hour.
        source_files: what was read.
        of_rows: how many rows the bad ones are a share of; by default those of the partition.
        unreadable: why the source's file of this partition could not be read; None when it could.
    """
    counts = checked.counts
    alike = [each for each in past if _hour(each.key) == _hour(partition_key)]
    aside = set_aside(checked.quarantine, counts.quarantined, policy)
    if unreadable is not None:
        found = [Check(name="source file", key="", found=unreadable, expected="", passed=False)]
    else:
        found = [checks.bad_rows(counts, aside, of_rows or 0, policy)]
        if partition_key != UNDATED:
            found += _of_rows(partition_key, checked, policy)
            found += _of_counts(checked, policy, alike)
    return QualityReport(
        site=site,
        partition=partition_key,
        passed=all(check.passed for check in found),
        checks=tuple(found),
        not_checked=() if partition_key == UNDATED else tuple(f"quality.table.{key}" for key in policy.table.unasked),
        counts=counts,
        kept={name: frame.height for name, (frame, _) in _tables(checked).items() if name != "quarantine"},
        set_aside=aside,
        past=tuple(alike[-PAST_KEPT:]),
        source_files=tuple(source_files),
        **_what_happened(checked.kept),
    )


def span_of(partition_key: str) -> tuple[datetime, datetime]:
    """The first moment of a day or an hour, and the first after it; UTC."""
    start = datetime.fromisoformat(partition_key).replace(tzinfo=UTC)
    return start, start + (timedelta(hours=1) if "T" in partition_key else timedelta(days=1))


def _hour(partition_key: str) -> str:
    return partition_key.partition("T")[2]


def _of_rows(partition_key: str, checked: Checked, policy: QualityPolicy) -> Iterator[Check]:
    """Columns first: where they are not as they must be, nothing in them can be judged."""
    columns = checks.exact_columns(_tables(checked))
    yield columns
    if not columns.passed:
        return
    yield from checks.contents(checked.kept, span_of(partition_key), policy.table.values)
    for column, largest in policy.table.max_null_share.items():
        yield checks.null_share(checked.kept, column, largest)
    if "events_per_session" not in policy.table.unasked:
        yield checks.events_per_session(checked.kept, *policy.table.bounds["events_per_session"])


def _of_counts(checked: Checked, policy: QualityPolicy, past: Sequence[PastDay]) -> Iterator[Check]:
    counts, table = checked.counts, policy.table
    if not policy.allow_empty_days:
        yield checks.any_rows(counts)
    if "rows" not in table.unasked:
        yield checks.rows_kept(counts, *table.bounds["rows"])
    if "volume" not in table.unasked:
        yield checks.volume(counts, past[-table.volume.days :], *table.bounds["volume"])
    if table.max_duplicate_share is not None:
        yield checks.duplicates(counts, table.max_duplicate_share)


def _tables(checked: Checked) -> dict[str, tuple[pl.DataFrame, pl.Schema]]:
    return {
        "interactions": (checked.kept, INTERACTIONS),
        "impressions": (checked.impressions, IMPRESSIONS),
        "item updates": (checked.item_updates, ITEM_UPDATES),
        "quarantine": (checked.quarantine, QUARANTINE),
    }


def _what_happened(kept: pl.DataFrame) -> dict[str, Any]:
    if kept.schema != INTERACTIONS:
        return {"event_types": {}, "first_time": None, "last_time": None}
    kinds = kept[c.EVENT_TYPE].value_counts().sort(pl.nth(1), pl.nth(0), descending=[True, False])
    return {
        "event_types": {str(kind): rows for kind, rows in kinds.iter_rows()},
        "first_time": kept[c.TIMESTAMP].min(),
        "last_time": kept[c.TIMESTAMP].max(),
    }
