"""What happened, as it travels: the wire form of events. Light: the web process imports this and no frame library.

``recsys.events.schema`` is the same contract as a table; a property test keeps the two equal.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints, field_validator

from recsys.types import Frozen

MAX_ID_LENGTH = 256
Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Event(Frozen):
    event_id: Id
    "The same event_id twice counts once."
    timestamp: AwareDatetime
    "When it happened, with a time zone; a naive time is refused."
    user_id: Id
    session_id: Id | None = None

    @field_validator("timestamp")
    @classmethod
    def _in_a_sane_year(cls, when: datetime) -> datetime:
        if not 1995 <= when.year <= 2100:
            raise ValueError(f"found the year {when.year}, expected 1995 to 2100")
        return when


class Interaction(_Event):
    """Something a user did to one item."""

    kind: Literal["interaction"] = "interaction"
    item_id: Id
    event_type: Id
    "One of the site's interaction names."
    value: float | None = Field(default=None, allow_inf_nan=False)
    "Worth in the site's currency, or a rating; None where unknown."
    request_id: Id | None = None
    "The impression this answers; None when it happened outside a slate."


class Impression(_Event):
    """A slate that a user was shown, in the order shown."""

    kind: Literal["impression"] = "impression"
    request_id: Id
    items: tuple[Id, ...] = Field(min_length=1, max_length=500)
    release_id: Id | None = None


Event = Annotated[Interaction | Impression, Field(discriminator="kind")]
