"""The checks of a whole partition. Each says what it found and what it expected, passed or not."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import SchemaError
from recsys.events.counts import RowCounts
from recsys.events.quality.contents import Failed, broken, schema_of
from recsys.events.quality.report import Check, PastDay, SetAside
from recsys.events.quality.samples import of_interactions
from recsys.events.schema import require
from recsys.sites.config import QualityPolicy

OTHERS_NAMED: Final = 5
"Unexpected values that a check names."
Span = tuple[datetime, datetime]


def exact_columns(frames: Mapping[str, tuple[pl.DataFrame, pl.Schema]]) -> Check:
    """Every table has exactly the columns, order and types of its schema."""
    faults = []
    for name, (frame, schema) in frames.items():
        try:
            require(frame, schema, name=name)
        except SchemaError as fault:
            faults.append(str(fault).rpartition("; expected")[0])
    found = "; ".join(faults) or "those of the event log"
    return Check(
        name="columns and types", key="", found=found, expected="exactly those of the event log", passed=not faults
    )


def contents(kept: pl.DataFrame, span: Span, values: Mapping[str, tuple[str, ...]]) -> Iterator[Check]:
    """What the columns of the interactions hold: nothing missing, within the partition's time, of known values."""
    failed = list(broken(kept, schema_of(span, values))) if kept.height else []
    in_time = [each for each in failed if each.column == c.TIMESTAMP and each.rule in ("min", "max_exclusive")]
    of_values = [each for each in failed if each.rule == "check"]
    unsound = [each for each in failed if each not in in_time and each not in of_values]
    yield _required(unsound)
    yield _time_range(kept, span, in_time)
    for column, allowed in values.items():
        yield _values(column, allowed, [each for each in of_values if each.column == column])


def bad_rows(counts: RowCounts, set_aside: Sequence[SetAside], of_rows: int, policy: QualityPolicy) -> Check:
    """The share of rows in quarantine, but for the reasons that the site expects."""
    counted = [each for each in set_aside if not each.expected]
    bad, whole = sum(each.rows for each in counted), max(of_rows, counts.rows_in)
    passed = bad <= policy.max_bad_share * whole
    return Check(
        name="bad rows",
        key="quality.max_bad_share",
        found=f"{bad:,} of {whole:,} rows bad ({bad / whole if whole else 0:.1%})",
        expected=f"at most {policy.max_bad_share:.1%}",
        passed=passed,
        why=", ".join(f"{each.reason} {each.rows:,}" for each in counted),
        samples=() if passed else tuple(sample for each in counted[:1] for sample in each.samples),
    )


def any_rows(counts: RowCounts) -> Check:
    """The partition has rows at all."""
    return Check(
        name="any rows",
        key="quality.allow_empty_days",
        found=f"{counts.rows_in:,} rows" if counts.rows_in else "no rows",
        expected="some (quality.allow_empty_days is false)",
        passed=counts.rows_in > 0,
    )


def duplicates(counts: RowCounts, largest: float) -> Check:
    """The share of rows that another row tells already."""
    share = counts.duplicates / counts.rows_in if counts.rows_in else 0.0
    return Check(
        name="duplicates",
        key="quality.table.max_duplicate_share",
        found=f"{counts.duplicates:,} of {counts.rows_in:,} rows duplicates ({share:.1%})",
        expected=f"at most {largest:.1%}",
        passed=share <= largest,
    )


def rows_kept(counts: RowCounts, low: float | None, high: float | None) -> Check:
    """How many rows there are."""
    return Check(
        name="rows kept",
        key="quality.table.rows",
        found=f"{counts.kept:,} rows kept",
        expected=_between(low, high),
        passed=_lies_between(counts.kept, low, high),
    )


def events_per_session(kept: pl.DataFrame, low: float | None, high: float | None) -> Check:
    """How long sessions are; without any session there is nothing to judge."""
    sessions = kept[c.SESSION_ID].drop_nulls()
    number = sessions.n_unique()
    mean = len(sessions) / number if number else None
    return Check(
        name="events per session",
        key="quality.table.events_per_session",
        found="no sessions" if mean is None else f"{mean:,.2f} events per session (mean of {number:,})",
        expected=_between(low, high),
        passed=mean is None or _lies_between(mean, low, high),
    )


def null_share(kept: pl.DataFrame, column: str, largest: float) -> Check:
    """How much of one column is missing."""
    missing = kept[column].null_count()
    share = missing / kept.height if kept.height else 0.0
    passed = share <= largest
    return Check(
        name=f"nulls in {column}",
        key=f"quality.table.max_null_share.{column}",
        found=f"{column} null in {missing:,} of {kept.height:,} interactions ({share:.1%})",
        expected=f"at most {largest:.1%}",
        passed=passed,
        samples=() if passed else of_interactions(kept.filter(pl.col(column).is_null())),
    )


def volume(counts: RowCounts, past: Sequence[PastDay], low: float | None, high: float | None) -> Check:
    """Rows kept against the median of the partitions before; without any there is nothing to compare with."""
    usual = statistics.median(each.rows for each in past) if past else 0
    ratio = counts.kept / usual if usual else None
    partitions = f"{len(past)} partition{'s' * (len(past) != 1)} before"
    compared = f"nothing to compare with in {partitions}"
    if ratio is not None:
        compared = f"{ratio:.2f} × the median of {partitions} ({usual:,.12g})"
    return Check(
        name="volume",
        key="quality.table.volume",
        found=f"{counts.kept:,} rows kept, {compared}",
        expected=_between(low, high, unit=" ×"),
        passed=ratio is None or _lies_between(ratio, low, high),
    )


def _required(failed: Sequence[Failed]) -> Check:
    return Check(
        name="required values",
        key="",
        found="; ".join(f"{each.column} breaks {each.rule} in {each.rows.height:,} rows" for each in failed)
        or "all there",
        expected="ids, types and times in every row, and no infinite numbers",
        passed=not failed,
        samples=tuple(sample for each in failed[:1] for sample in of_interactions(each.rows)),
    )


def _time_range(kept: pl.DataFrame, span: Span, failed: Sequence[Failed]) -> Check:
    first, last = kept[c.TIMESTAMP].min(), kept[c.TIMESTAMP].max()
    outside = sum(each.rows.height for each in failed)
    return Check(
        name="time range",
        key="",
        found=(f"times from {_moment(first)} to {_moment(last)}" if kept.height else "no times")
        + (f", {outside:,} outside" if outside else ""),
        expected=f"{_moment(span[0])} until {_moment(span[1])}",
        passed=not failed,
        samples=tuple(sample for each in failed[:1] for sample in of_interactions(each.rows)),
    )


def _values(column: str, allowed: tuple[str, ...], failed: Sequence[Failed]) -> Check:
    others: Counter[str] = Counter()
    for each in failed:
        counted = each.rows[column].value_counts().sort(pl.nth(1), pl.nth(0), descending=[True, False])
        others.update(dict(counted.iter_rows()))
    named = ", ".join(f"{value} {rows:,}" for value, rows in others.most_common(OTHERS_NAMED))
    return Check(
        name=f"values of {column}",
        key=f"quality.table.values.{column}",
        found=f"{others.total():,} rows with another {column}" if others else "no others",
        expected=f"only {', '.join(allowed)}",
        passed=not failed,
        why=named,
        samples=tuple(sample for each in failed[:1] for sample in of_interactions(each.rows)),
    )


def _moment(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if isinstance(moment, datetime) else "–"


def _between(low: float | None, high: float | None, *, unit: str = "") -> str:
    ends = (("at least", low), ("at most", high))
    return " and ".join(f"{words} {end:,.12g}{unit}" for words, end in ends if end is not None)


def _lies_between(number: float, low: float | None, high: float | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)
