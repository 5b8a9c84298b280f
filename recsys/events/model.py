"""What happened, as it travels: the wire form of events. Light: the web process imports this and no frame library.

``recsys.events.schema`` is the same contract as a table; a property test keeps the two equal.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue, StrictBool, StringConstraints, model_validator

from recsys.types import Frozen

MAX_ID_LENGTH = 256
MAX_ATTRIBUTES_BYTES: Final = 16_384
Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH, pattern=r"^[^\x00-\x1f\x7f]+$")]


def _in_a_sane_year(when: datetime) -> datetime:
    if not 1995 <= when.year <= 2100:
        raise ValueError(f"found the year {when.year}, expected 1995 to 2100")
    return when


def as_json_object(attributes: Mapping[str, JsonValue]) -> str:
    """The attributes as one line of JSON, keys in order: the form in which tables hold them.

    Raises:
        ValueError: a number that JSON has not (NaN), half a surrogate pair, or more than ``MAX_ATTRIBUTES_BYTES``.
    """
    try:
        text = json.dumps(attributes, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        size = len(text.encode())
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"found what JSON cannot hold: {fault}") from None
    if size > MAX_ATTRIBUTES_BYTES:
        raise ValueError(f"found {size} bytes of JSON, expected at most {MAX_ATTRIBUTES_BYTES}")
    return text


def _small_json(attributes: dict[str, JsonValue]) -> dict[str, JsonValue]:
    as_json_object(attributes)
    return attributes


Moment = Annotated[AwareDatetime, AfterValidator(_in_a_sane_year)]
"""With a time zone; a naive time is refused."""
Line = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]+$")]
Text = Annotated[str, StringConstraints(max_length=100_000, pattern=r"^[^\x00]*$")]
Address = Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://[^\x00-\x20\x7f]+$")]
LanguageTag = Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")]
Attributes = Annotated[dict[Id, JsonValue], AfterValidator(_small_json)]


class _Event(Frozen):
    event_id: Id
    "The same event_id twice counts once."
    timestamp: Moment
    "When it happened."


class _OfUser(_Event):
    user_id: Id
    session_id: Id | None = None


class Interaction(_OfUser):
    """Something a user did to one item."""

    kind: Literal["interaction"] = "interaction"
    item_id: Id
    event_type: Id
    "One of the site's interaction names."
    value: float | None = Field(default=None, allow_inf_nan=False)
    "Worth in the site's currency, or a rating; None where unknown."
    request_id: Id | None = None
    "The impression this answers; None when it happened outside a slate."


class Impression(_OfUser):
    """A slate that a user was shown, in the order shown."""

    kind: Literal["impression"] = "impression"
    request_id: Id
    items: tuple[Id, ...] = Field(min_length=1, max_length=500)
    release_id: Id | None = None


class ItemProperties(Frozen):
    """What can be told of an item; None says nothing."""

    title: Line | None = None
    text: Text | None = None
    category: Id | None = None
    price: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    "In the site's currency."
    available: StrictBool | None = None
    "False: the item is not shown."
    image: Address | None = None
    "Address of a picture."
    language: LanguageTag | None = None
    "As in BCP 47: en, de-AT."
    published_at: Moment | None = None
    attributes: Attributes | None = None
    "Anything else, at most 16 KiB of JSON: each key told replaces what was told of that key; null takes it away."

    @property
    def told(self) -> tuple[str, ...]:
        """Names of the properties that are not None."""
        return tuple(name for name in PROPERTIES if getattr(self, name) is not None)


PROPERTIES: Final = tuple(ItemProperties.model_fields)
"""Everything that can be told of an item, by name."""


class ItemUpdate(_Event, ItemProperties):
    """What became known of an item at ``timestamp``; a property that is not told stays as it was."""

    kind: Literal["item_update"] = "item_update"
    item_id: Id

    @model_validator(mode="after")
    def _tells_something(self) -> Self:
        if not self.told:
            raise ValueError(f"found no property, expected at least one of: {', '.join(PROPERTIES)}")
        return self


Event = Annotated[Interaction | Impression | ItemUpdate, Field(discriminator="kind")]
