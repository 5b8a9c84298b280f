"""What a site's YAML says of its content API."""

import re
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

import jmespath
from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    field_validator,
    model_validator,
)

from recsys.events.model import PROPERTIES
from recsys.types import Frozen

ITEM: Final = "{item_id}"
MAPPED: Final = tuple(name for name in PROPERTIES if name != "attributes")


def _property(name: str) -> str:
    if name not in MAPPED:
        raise ValueError(f"found {name!r}, expected one of: {', '.join(MAPPED)}")
    return name


def _json_path(path: str) -> str:
    try:
        jmespath.compile(path)
    except jmespath.exceptions.JMESPathError as fault:
        raise ValueError(f"found {path!r}, expected a JMESPath such as section.name: {fault}") from None
    return path


def _pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as fault:
        raise ValueError(f"found {pattern!r}, expected a regular expression: {fault}") from None
    return pattern


Property = Annotated[str, AfterValidator(_property)]
JsonPath = Annotated[str, AfterValidator(_json_path)]
HeaderText = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$")]
Headers = dict[HeaderText, HeaderText]


class ExclusionRule(Frozen):
    """Leaves out items by one property."""

    property: Property
    one_of: tuple[str, ...] = ()
    "Values that are left out."
    matches: Annotated[str, AfterValidator(_pattern)] | None = None
    "Regular expression; values in which it is found somewhere are left out."

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if bool(self.one_of) == (self.matches is not None):
            raise ValueError("found both or neither of one_of and matches, expected one of them")
        return self

    def leaves_out(self, value: Any) -> bool:
        """Whether the rule is about this value; a property that was not told never is."""
        if value is None:
            return False
        return bool(re.search(self.matches, str(value))) if self.matches is not None else str(value) in self.one_of


class ContentApiParams(Frozen):
    """Where one item is asked for, how gently, and what its answer means."""

    url: str
    "Address of one item's JSON; {item_id} stands for the id."
    headers: Headers = Field(default_factory=dict)
    "Sent with every request; secret ones belong into RECSYS_FETCH_HEADERS."
    requests_per_second: PositiveFloat = 5.0
    "Most requests started per second, repeated ones included."
    concurrency: Annotated[int, Field(ge=1, le=100)] = 4
    "Most requests under way at once."
    timeout_seconds: PositiveFloat = 10.0
    "Longest time for one request, from connecting to the last byte."
    total_timeout_seconds: PositiveFloat = 60.0
    "Longest time for one item with all attempts and pauses; also the longest wait that the API may ask for."
    attempts: Annotated[int, Field(ge=1, le=20)] = 4
    "How often an item is asked for before it counts as failed."
    back_off_seconds: PositiveFloat = 0.5
    "Mean pause before the second attempt; doubled for each one after it."
    max_bytes: PositiveInt = 2_000_000
    "Largest answer that is read."
    id_path: JsonPath | None = "id"
    "Where the answer says which item it is of; null: it does not, and is believed."
    fields: dict[Property, JsonPath] = Field(min_length=1)
    "Property to its place in the answer, as a JMESPath."
    attributes: dict[str, JsonPath] = Field(default_factory=dict)
    "The same for whatever else is kept: name of the attribute to its place."
    exclude: tuple[ExclusionRule, ...] = ()
    "Items that any of these rules is about are left out, and told to be unavailable."
    require: tuple[Property, ...] = ()
    "Properties without which an answer is of no use."
    bad_for_days: PositiveFloat = 7.0
    "How long an item is not asked for again after a fault that lasts."
    failed_for_hours: NonNegativeFloat = 1.0
    "The same after a fault that may pass: the API was away, or busy."
    refresh_days: PositiveFloat | None = None
    "Metadata older than this are asked for again; null: never."
    give_up_after: PositiveInt = 20
    "A run ends when so many items in a row could not be fetched for a reason that may pass."

    @field_validator("url")
    @classmethod
    def _names_the_item(cls, url: str) -> str:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
        if not sound or ITEM in parts.netloc or ITEM not in parts.path + parts.query:
            raise ValueError(
                f"found {url!r}, expected an address such as https://api.example.org/items/{ITEM}, "
                f"with {ITEM} in its path or query"
            )
        return url

    @model_validator(mode="after")
    def _requires_what_it_looks_for(self) -> Self:
        unseen = [name for name in self.require if name not in self.fields]
        if unseen:
            raise ValueError(f"require: found {', '.join(unseen)}, expected only what fields has a place for")
        return self
