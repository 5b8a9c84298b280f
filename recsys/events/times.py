"""Times as they are written in the world, as UTC: ISO 8601, dates, epochs in s to ns, or a format of one's own.

What cannot be read is null. Nothing is guessed silently: an epoch's unit is told by its size, or by the site; a time
without a zone is in the zone that the site names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import polars as pl

from recsys.events.schema import TIME

TimeUnit = Literal["s", "ms", "us", "ns"]
PER_SECOND: Final[dict[TimeUnit, int]] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
FARTHEST: Final = 10**11
"Seconds from 1970 until the year 5138: beyond it a number of seconds is taken for milliseconds, and so on."

WHOLE_SECONDS: Final = len("2026-01-31T12:00:00")
WITH_ZONE: Final = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y%m%dT%H%M%S%#z")
NAIVE: Final = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y%m%dT%H%M%S")
DATES: Final = ("%Y-%m-%d",)

Reader = Callable[[pl.Series], pl.Series]


@dataclass(frozen=True)
class TimeForm:
    """What the site says of its times."""

    timezone: str = "UTC"
    "Of times that name none, as in the IANA database."
    unit: TimeUnit | None = None
    "Of numbers; None: told by their size, in the years 1973 to 5138."
    format: str | None = None
    "As in strftime; None: ISO 8601, or a number."


def as_utc(told: pl.Series, form: TimeForm) -> pl.Series:
    """The moments, in the type TIME; null where there is none.

    Of a local time that occurs twice (clocks set back) the first is meant; one that never was is null.

    Args:
        told: text, numbers, dates or datetimes.
        form: how to read what does not say it itself.
    """
    kind = told.dtype
    if isinstance(kind, pl.Datetime) and kind.time_zone:
        return told.dt.convert_time_zone("UTC").cast(TIME)
    if isinstance(kind, pl.Datetime | pl.Date):
        return _in_utc(told.cast(pl.Datetime("us")), form.timezone)
    if kind.is_numeric():
        return _epoch(told, form.unit)
    text = told.cast(pl.String)
    readers = _readers(form)
    sample = text.drop_nulls().head(100)
    moments = min(readers, key=lambda read: read(sample).null_count())(text)
    odd = moments.is_null() & text.is_not_null()
    if odd.any():
        rest = text.filter(odd).str.strip_chars()
        told_otherwise = pl.select(pl.coalesce([read(rest) for read in readers])).to_series()
        moments = moments.scatter(odd.arg_true(), told_otherwise)
    return moments


def _readers(form: TimeForm) -> list[Reader]:
    if form.format:
        return [partial(_naive, format=form.format, timezone=form.timezone)]
    usual: list[Reader] = [
        partial(_usual, separator=separator, digits=digits, ending=ending, timezone=form.timezone)
        for ending in ("Z", "")
        for separator in ("T", " ")
        for digits in (0, 3, 6)
    ]
    with_zone: list[Reader] = [partial(_zoned, format=format) for format in WITH_ZONE]
    naive: list[Reader] = [partial(_naive, format=format, timezone=form.timezone) for format in NAIVE]
    dates: list[Reader] = [partial(_date, format=format, timezone=form.timezone) for format in DATES]
    return [partial(_epoch_text, unit=form.unit), *usual, *with_zone, *naive, *dates]


def _usual(text: pl.Series, *, separator: str, digits: int, ending: str, timezone: str) -> pl.Series:
    """Times as 2026-01-31T12:00:00.123Z, all with as many digits and one ending; much faster than by format."""
    seconds = text.str.head(WHOLE_SECONDS).str.to_datetime(
        f"%Y-%m-%d{separator}%H:%M:%S", time_unit="us", strict=False, cache=False
    )
    told = pl.col(text.name)
    fits = told.str.len_bytes() == WHOLE_SECONDS + (digits and digits + 1) + len(ending)
    if ending:
        fits &= told.str.ends_with(ending)
    fraction = pl.lit(0)
    if digits:
        fits &= told.str.slice(WHOLE_SECONDS, 1) == "."
        fits &= told.str.slice(WHOLE_SECONDS + 1, 1).is_between(pl.lit("0"), pl.lit("9"))
        fraction = told.str.slice(WHOLE_SECONDS + 1, digits).cast(pl.Int64, strict=False) * 10 ** (6 - digits)
    exact = text.to_frame().select(pl.when(fits).then(pl.lit(seconds) + pl.duration(microseconds=fraction)))
    return _in_utc(exact.to_series(), "UTC" if ending else timezone)


def _zoned(text: pl.Series, *, format: str) -> pl.Series:
    return text.str.to_datetime(format, time_unit="us", time_zone="UTC", strict=False).cast(TIME)


def _naive(text: pl.Series, *, format: str, timezone: str) -> pl.Series:
    moments = text.str.to_datetime(format, time_unit="us", strict=False)
    if moments.dtype == pl.Datetime("us", "UTC"):
        return moments
    return _in_utc(moments, timezone)


def _date(text: pl.Series, *, format: str, timezone: str) -> pl.Series:
    return _in_utc(text.str.to_date(format, strict=False).cast(pl.Datetime("us")), timezone)


def _in_utc(moments: pl.Series, timezone: str) -> pl.Series:
    if timezone == "UTC":
        return moments.dt.replace_time_zone("UTC")
    local = moments.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def _epoch_text(text: pl.Series, *, unit: TimeUnit | None) -> pl.Series:
    whole = text.cast(pl.Int64, strict=False)
    moments = _epoch(whole, unit)
    broken = whole.is_null() & text.is_not_null()
    if not broken.any():
        return moments
    return moments.scatter(broken.arg_true(), _epoch(text.filter(broken).cast(pl.Float64, strict=False), unit))


def _epoch(numbers: pl.Series, unit: TimeUnit | None) -> pl.Series:
    """Microseconds since 1970; null where the number is none, or lies too far from it."""
    if numbers.dtype.is_float():
        numbers = pl.select(pl.when(numbers.is_finite()).then(numbers)).to_series()
    elif numbers.dtype != pl.Int64:
        numbers = numbers.cast(pl.Int64, strict=False)
    fitting = [
        (each, numbers.is_between(-limit, limit))
        for each, per_second in PER_SECOND.items()
        if unit in (None, each)
        for limit in [min(FARTHEST * per_second, 2**63 - 1)]
    ]
    microseconds = pl.coalesce([pl.when(fits).then(_microseconds(numbers, each)) for each, fits in fitting])
    return pl.select(microseconds.cast(pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")).to_series()


def _microseconds(numbers: pl.Series, unit: TimeUnit) -> pl.Series:
    per_second = PER_SECOND[unit]
    if per_second > 10**6:
        return numbers // (per_second // 10**6)
    return numbers * (10**6 // per_second)
