"""Messages that are JSON objects, one event each.

``kind`` says what a message tells: interaction, impression or item_update. Without it, a message with ``items`` is an
impression, one with an event type or a user is an interaction, and any other is an item update. An event without an id
of its own has its content as id; an impression without a request_id has its event_id.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import polars as pl
from pydantic_core import from_json

from recsys import columns as c
from recsys.events.schema import filled
from recsys.events.sources.mapping import SHOWN, Told, identity
from recsys.events.stream.told import EVENTS, IMPRESSION, INTERACTION, ITEM_UPDATE, Format
from recsys.events.times import TimeForm, as_utc
from recsys.events.validation import BAD_ITEMS

NOT_JSON: Final = "not_json"
NOT_AN_OBJECT: Final = "not_an_object"
UNKNOWN_KIND: Final = "unknown_kind"
KINDS: Final = (INTERACTION, IMPRESSION, ITEM_UPDATE)

FIELDS: Final = tuple(name for name in EVENTS if name != c.REASON)
"""What a message can say."""
NUMBERS: Final = (c.VALUE, c.PRICE)
TIMES: Final = (c.TIMESTAMP, c.PUBLISHED_AT)
TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}
BYTE_ORDER_MARK: Final = "\ufeff"
NOTHING: Final[Mapping[str, Any]] = {}


def json_events(columns: Mapping[str, Told]) -> Format:
    """The format of messages in which fields have other names; ``a.b`` is ``b`` within ``a``.

    Args:
        columns: by field, where it is found; a field that is left out has our name.
    """
    fields = {field: columns.get(field, Told(column=field)) for field in FIELDS}

    def form(texts: pl.Series) -> pl.DataFrame:
        objects, faults = _objects(texts)
        there = set[str]().union(*objects)
        said = [_said(objects, there, field, told) for field, told in fields.items()]
        return _typed(pl.DataFrame([*said, pl.Series(c.REASON, faults, pl.String)]))

    return form


def _objects(texts: pl.Series) -> tuple[list[Mapping[str, Any]], list[str | None]]:
    """The object of each message, and why it is none."""
    objects: list[Mapping[str, Any]] = []
    faults: list[str | None] = []
    for text in texts:
        fault = None
        try:
            value = from_json((text or "").removeprefix(BYTE_ORDER_MARK), allow_inf_nan=False)
        except ValueError:
            value, fault = NOTHING, NOT_JSON
        if not isinstance(value, dict):
            value, fault = NOTHING, fault or NOT_AN_OBJECT
        objects.append(value)
        faults.append(fault)
    return objects, faults


def _said(objects: list[Mapping[str, Any]], there: set[str], field: str, told: Told) -> pl.Series:
    """What each object says of one field: text; of items, a list of texts.

    Args:
        objects: the messages.
        there: every key that any of them has.
        field: our name.
        told: where it stands.
    """
    name = told.column or field
    key, *path = name.split(".")
    values: list[Any] = [found.get(key) for found in objects] if key in there else [None] * len(objects)
    for key in path:
        values = [value.get(key) if isinstance(value, dict) else None for value in values]
    if key not in there and not path:
        found = pl.Series(name, values, pl.String)
    elif field == c.ITEMS and any(isinstance(value, list) for value in values):
        lists = [[_text(each) for each in value] if isinstance(value, list) else None for value in values]
        found = pl.Series(name, lists, pl.List(pl.String))
    elif field == c.ATTRIBUTES:
        found = pl.Series(name, [_as_json(value) for value in values], pl.String)
    else:
        found = pl.Series(name, [value if type(value) is str else _text(value) for value in values], pl.String)
    frame = found.to_frame()
    return frame.select((told.texts if field == c.ITEMS else told.text)(frame).alias(field)).to_series()


def _text(value: Any) -> str | None:
    """Text as it is, a number or a truth value as JSON writes it; anything else is no text."""
    return json.dumps(value) if isinstance(value, int | float) else value if isinstance(value, str) else None


def _as_json(value: Any) -> str | None:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else None


def _typed(said: pl.DataFrame) -> pl.DataFrame:
    """The fields in the types of EVENTS, with the kind, and an id for each event."""
    shows = pl.col(c.ITEMS).is_not_null()
    acts = pl.col(c.EVENT_TYPE).is_not_null() | pl.col(c.USER_ID).is_not_null()
    kind = pl.when(shows).then(pl.lit(IMPRESSION)).when(acts).then(pl.lit(INTERACTION)).otherwise(pl.lit(ITEM_UPDATE))
    typed = said.with_columns(
        pl.coalesce(c.KIND, kind),
        *(as_utc(said[name], TimeForm()).alias(name) for name in TIMES),
        *(pl.col(name).cast(pl.Float64, strict=False) for name in NUMBERS),
        pl.col(c.AVAILABLE).str.to_lowercase().replace_strict(TRUTH, default=None, return_dtype=pl.Boolean),
    )
    is_shown, is_update = pl.col(c.KIND) == IMPRESSION, pl.col(c.KIND) == ITEM_UPDATE
    unread = [
        pl.when(said[name].is_not_null() & pl.col(name).is_null()).then(pl.lit(f"bad_{name}"))
        for name in (*NUMBERS, c.AVAILABLE, c.PUBLISHED_AT)
    ]
    reason = pl.coalesce(
        c.REASON,
        pl.when(~pl.col(c.KIND).is_in(KINDS)).then(pl.lit(UNKNOWN_KIND)),
        pl.when(is_shown & ~shows).then(pl.lit(BAD_ITEMS)),
        pl.when(is_update & (pl.col(c.ITEM_ID).fill_null("") == "")).then(pl.lit(f"bad_{c.ITEM_ID}")),
        *unread,
    )
    named = typed.with_columns(pl.coalesce(c.EVENT_TYPE, pl.when(is_shown).then(pl.lit(SHOWN))).alias(c.EVENT_TYPE))
    content = identity(named, (c.USER_ID, c.ITEM_ID, c.EVENT_TYPE, c.TIMESTAMP, c.ITEMS))
    event_id = pl.coalesce(c.EVENT_ID, content)
    return filled(
        typed.with_columns(
            reason.alias(c.REASON),
            event_id.alias(c.EVENT_ID),
            pl.coalesce(c.REQUEST_ID, pl.when(is_shown).then(event_id)).alias(c.REQUEST_ID),
            pl.when(is_shown).then(pl.col(c.ITEMS)).alias(c.ITEMS),
        ),
        EVENTS,
    )
