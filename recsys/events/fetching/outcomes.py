"""What became of asking for one item: what it told, or which of six faults."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.model import ItemProperties, as_json_object
from recsys.events.schema import ITEM_UPDATES, ITEMS
from recsys.types import ItemId

FETCHED: Final = pl.Schema({**ITEM_UPDATES, c.REASON: pl.String(), c.DETAIL: pl.String(), c.LASTING: pl.Boolean()})
"""One row per item asked for: what it told at ``timestamp``, or why it told nothing.

``reason`` is null where the answer was good. Otherwise the properties are null, but ``available`` is false for an item
that a rule of the site excludes. ``lasting`` says whether asking again soon would give the same.
"""


class Fault(StrEnum):
    """Why an item has no metadata although it was asked for."""

    FETCH_ERROR = "fetch_error"
    "No usable answer came: refused, too slow, too large, or led to another host."
    MALFORMED = "malformed"
    "The answer is not what the site's YAML says of it."
    NO_ID = "no_id"
    "The answer does not say which item it is of."
    EXCLUDED_BY_RULE = "excluded_by_rule"
    "The site's rules leave this item out; it is told to be unavailable, so that it is not shown."
    NO_PUBLISH_DATE = "no_publish_date"
    "The site requires one, and the answer has none."
    DUPLICATE = "duplicate"
    "The answer is of another item: this id is a second name of it."


@dataclass(frozen=True)
class Refused:
    """Why nothing was told, in one word and in a sentence."""

    fault: Fault
    detail: str
    lasting: bool = True
    "Whether asking again soon would give the same."


@dataclass(frozen=True)
class Outcome:
    """What one item's question came to, and when."""

    item_id: ItemId
    at: datetime
    "When the answer was there; nothing of it was known before."
    found: ItemProperties | Refused

    def on_sale_again(self) -> "Outcome":
        """The same of an item that was told to be unavailable before: available, where nothing is said about it."""
        if isinstance(self.found, Refused) or self.found.available is not None:
            return self
        return replace(self, found=self.found.model_copy(update={c.AVAILABLE: True}))


def as_frame(outcomes: Iterable[Outcome]) -> pl.DataFrame:
    """One row per outcome, schema FETCHED, sorted by item_id."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.item_id)
    return pl.DataFrame([_row(outcome) for outcome in ordered], schema=FETCHED)


def _row(outcome: Outcome) -> dict[str, object]:
    row: dict[str, object] = {c.ITEM_ID: outcome.item_id, c.TIMESTAMP: outcome.at}
    found = outcome.found
    if isinstance(found, Refused):
        hidden = {c.AVAILABLE: False} if found.fault is Fault.EXCLUDED_BY_RULE else {}
        return row | hidden | {c.REASON: found.fault.value, c.DETAIL: found.detail, c.LASTING: found.lasting}
    told = {name: getattr(found, name) for name in ITEMS if name != c.ITEM_ID}
    attributes = None if found.attributes is None else as_json_object(found.attributes)
    return row | told | {c.ATTRIBUTES: attributes}
