"""The schema of a partition's interactions: what each column may hold, checked by dataframely.

The columns themselves, their order and their types are compared first: dataframely lets other columns pass.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from recsys import columns as c
from recsys.events.schema import INTERACTIONS

if TYPE_CHECKING:
    from dataframely import Schema

OPTIONAL: Final = (c.VALUE, c.SESSION_ID, c.REQUEST_ID)
"""The columns of INTERACTIONS that may be null."""


@dataclass(frozen=True)
class Failed:
    """Rows that break one rule."""

    column: str
    rule: str
    "As dataframely calls it: nullability, nan, inf, min, max_exclusive, check."
    rows: pl.DataFrame
    "Schema INTERACTIONS."


def schema_of(span: tuple[datetime, datetime], values: Mapping[str, tuple[str, ...]]) -> "type[Schema]":
    """The schema of one partition.

    Args:
        span: the first moment of the partition, and the first after it.
        values: the only values of a column, by column.
    """
    import dataframely as dy

    columns: dict[str, Any] = {
        name: dy.String(nullable=name in OPTIONAL, check=_one_of(values[name]) if name in values else None)
        for name, kind in INTERACTIONS.items()
        if kind == pl.String()
    }
    columns[c.TIMESTAMP] = dy.Datetime(
        nullable=False, time_unit="us", time_zone="UTC", min=span[0], max_exclusive=span[1]
    )
    columns[c.VALUE] = dy.Float64(nullable=True, allow_inf=False, allow_nan=False)
    return type("Interactions", (dy.Schema,), columns)


def broken(interactions: pl.DataFrame, schema: "type[Schema]") -> Iterator[Failed]:
    """Every rule of ``schema`` that some of these rows (schema INTERACTIONS) break."""
    failure = schema.filter(interactions).failure
    if not len(failure):
        return
    details = failure.details()
    for name in failure.counts():
        column, _, rule = name.partition("|")
        yield Failed(column, rule, details.filter(pl.col(name) == "invalid").select(INTERACTIONS.names()))


def _one_of(values: tuple[str, ...]) -> Any:
    return lambda column: column.is_in(list(values))
