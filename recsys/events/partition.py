"""The rows of one partition once all of them have come: what is kept, what is set aside, what was told twice."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import polars as pl

from recsys import columns as c
from recsys.events.counts import RowCounts
from recsys.events.schema import IMPRESSIONS, INTERACTIONS, ITEM_UPDATES, QUARANTINE, TIME
from recsys.types import UserId

CONTENT: Final = (c.USER_ID, c.ITEM_ID, c.EVENT_TYPE, c.TIMESTAMP)
FORGOTTEN: Final = '{"erased":true}'
"What is left of a quarantined row whose user asked to be forgotten."
USERS_AT_ONCE: Final = 500
"Users looked for by one regular expression."


@dataclass(frozen=True)
class Checked:
    """Rows in = kept + impressions + quarantine + duplicates + erased."""

    kept: pl.DataFrame
    "Schema INTERACTIONS; event_id unique."
    quarantine: pl.DataFrame
    "Schema QUARANTINE."
    duplicates: int
    impressions: pl.DataFrame
    "Schema IMPRESSIONS; event_id unique."
    item_updates: pl.DataFrame
    "Schema ITEM_UPDATES; no two rows alike."
    erased: int = 0

    @classmethod
    def nothing(cls) -> Self:
        """A partition without rows."""
        frames = (pl.DataFrame(schema=schema) for schema in (INTERACTIONS, QUARANTINE, IMPRESSIONS, ITEM_UPDATES))
        kept, quarantine, impressions, item_updates = frames
        return cls(kept, quarantine, 0, impressions, item_updates)

    @property
    def counts(self) -> RowCounts:
        """Where the rows went; reasons with the most frequent first."""
        by_reason = self.quarantine[c.REASON].value_counts().sort(pl.nth(1), pl.nth(0), descending=[True, False])
        kept = self.kept.height + self.impressions.height
        return RowCounts(
            rows_in=kept + self.quarantine.height + self.duplicates + self.erased,
            kept=kept,
            quarantined=dict(by_reason.rows()),
            duplicates=self.duplicates,
            erased=self.erased,
        )


def settled(
    good: pl.DataFrame, quarantine: pl.DataFrame, item_updates: pl.DataFrame, *, same_content: bool = False
) -> Checked:
    """The rows of one partition without repetitions, the same whatever order they came in.

    Of good rows with one event_id the earliest is kept; of equally early ones, the first by its columns.

    Args:
        good: columns of RAW.
        quarantine: schema QUARANTINE.
        item_updates: schema ITEM_UPDATES.
        same_content: interactions with one user, item, type and time are one, whatever their event_id.
    """
    shown = pl.col(c.ITEMS).is_not_null()
    any_shown = good[c.ITEMS].null_count() < good.height
    told = good.filter(~shown) if any_shown else good
    kept = _once(told.select(INTERACTIONS.names()), (c.EVENT_ID,))
    if same_content:
        kept = _once(kept, CONTENT)
    impressions = good.filter(shown).select(IMPRESSIONS.names()) if any_shown else pl.DataFrame(schema=IMPRESSIONS)
    impressions = _once(impressions, (c.EVENT_ID,))
    return Checked(
        kept=kept,
        quarantine=quarantine,
        duplicates=good.height - kept.height - impressions.height,
        impressions=impressions,
        item_updates=item_updates.unique(),
    )


def _once(rows: pl.DataFrame, identity: tuple[str, ...]) -> pl.DataFrame:
    key = pl.struct(identity) if len(identity) > 1 else pl.col(identity[0])
    repeated = rows.select(key.is_duplicated()).to_series()
    if not repeated.any():
        return rows
    order = [c.TIMESTAMP, *(name for name in rows.columns if name != c.TIMESTAMP)]
    first = rows.filter(repeated).sort(order, nulls_last=True).unique(identity, keep="first", maintain_order=True)
    return pl.concat([rows.filter(~repeated), first])


def without(checked: Checked, erased: Mapping[UserId, datetime]) -> Checked:
    """The same partition without what these users did before they asked to be forgotten (UTC)."""
    if not erased:
        return checked
    forgotten = pl.DataFrame(
        {c.USER_ID: list(erased), c.ERASED_AT: list(erased.values())}, schema={c.USER_ID: pl.String, c.ERASED_AT: TIME}
    )
    kept, impressions = (_without(rows, forgotten) for rows in (checked.kept, checked.impressions))
    return Checked(
        kept=kept,
        quarantine=_blanked(checked.quarantine, list(erased)),
        duplicates=checked.duplicates,
        impressions=impressions,
        item_updates=checked.item_updates,
        erased=checked.erased + checked.kept.height - kept.height + checked.impressions.height - impressions.height,
    )


def _without(rows: pl.DataFrame, forgotten: pl.DataFrame) -> pl.DataFrame:
    known = rows.join(forgotten, on=c.USER_ID, how="left", maintain_order="left")
    return known.filter((pl.col(c.TIMESTAMP) < pl.col(c.ERASED_AT)).not_().fill_null(True)).drop(c.ERASED_AT)


def naming(users: Sequence[UserId], column: str = c.RAW) -> pl.Expr:
    """Whether the text of a row (by default, of the quarantine) names one of these users, as a whole word."""
    raw = pl.col(column)
    named = pl.lit(False)
    for start in range(0, len(users), USERS_AT_ONCE):
        some = list(users[start : start + USERS_AT_ONCE])
        words = "|".join(re.escape(user) for user in some)
        named |= raw.str.contains_any(some) & raw.str.contains(rf"(?:^|[^0-9A-Za-z_-])(?:{words})(?:$|[^0-9A-Za-z_-])")
    return named


def _blanked(quarantine: pl.DataFrame, users: Sequence[UserId]) -> pl.DataFrame:
    """Rows that name one of these users keep their place and reason alone."""
    return quarantine.with_columns(pl.when(naming(users)).then(pl.lit(FORGOTTEN)).otherwise(c.RAW).alias(c.RAW))
