"""What a site expects of a partition as a whole, once every row has been looked at by itself."""

from typing import Annotated, Final

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from recsys import columns as c
from recsys.types import Frozen

INTERACTION_COLUMNS: Final = (
    c.EVENT_ID,
    c.USER_ID,
    c.ITEM_ID,
    c.EVENT_TYPE,
    c.TIMESTAMP,
    c.VALUE,
    c.SESSION_ID,
    c.REQUEST_ID,
)
"""The columns of the event log's interactions; the schema itself is in ``recsys.events.schema``."""
COLUMNS_WITH_VALUES: Final = (c.ITEM_ID, c.EVENT_TYPE)
"""Those that can have a list of values: text that is the same for many rows and names no person."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class RowBounds(Frozen):
    """How many rows a partition keeps: interactions and impressions together."""

    min: NonNegativeInt | None = None
    "Fewest rows; null: any."
    max: NonNegativeInt | None = None
    "Most rows; null: any."


class SessionBounds(Frozen):
    """Mean interactions per session, of the interactions that name one."""

    min: NonNegativeFloat | None = None
    "Lowest mean; null: any."
    max: NonNegativeFloat | None = None
    "Highest mean; null: any."


class VolumeBounds(Frozen):
    """Rows kept, relative to the median of the partitions before."""

    days: PositiveInt = 7
    "How many committed days before are looked at; where partitions are hours, the same hour of these days."
    min_ratio: NonNegativeFloat | None = None
    "Lowest rows ÷ median, dimensionless; null: any."
    max_ratio: NonNegativeFloat | None = None
    "Highest rows ÷ median, dimensionless; null: any."


class TablePolicy(Frozen):
    """Checks of a whole partition; what is null or empty is not checked."""

    rows: RowBounds = RowBounds()
    events_per_session: SessionBounds = SessionBounds()
    max_null_share: dict[str, Share] = Field(default_factory=dict)
    "Largest share of interactions without a value, by column, as {session_id: 0.1}."
    values: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    "The only values that event_type or item_id may have, as {event_type: [view, purchase]}."
    max_duplicate_share: Share | None = None
    "Largest share of rows in that are duplicates; null: any."
    volume: VolumeBounds = VolumeBounds()

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> "TablePolicy":
        for key, (low, high) in self.bounds.items():
            if low is not None and high is not None and low > high:
                raise ValueError(f"{key}: found {low:g} above {high:g}, expected the smaller number first")
        return self

    @model_validator(mode="after")
    def _columns_are_known(self) -> "TablePolicy":
        for key, named, known in (
            ("max_null_share", self.max_null_share, INTERACTION_COLUMNS),
            ("values", self.values, COLUMNS_WITH_VALUES),
        ):
            unknown = [column for column in named if column not in known]
            if unknown:
                raise ValueError(f"{key}: found {unknown}, expected columns of {list(known)}")
        return self

    @property
    def bounds(self) -> dict[str, tuple[float | None, float | None]]:
        """By key, the least and the most that is accepted, both inclusive; None is no bound."""
        sessions, volume = self.events_per_session, self.volume
        return {
            "rows": (self.rows.min, self.rows.max),
            "events_per_session": (sessions.min, sessions.max),
            "volume": (volume.min_ratio, volume.max_ratio),
        }

    @property
    def unasked(self) -> tuple[str, ...]:
        """The keys that would add a check and say nothing."""
        asked = {key: ends != (None, None) for key, ends in self.bounds.items()} | {
            "max_null_share": bool(self.max_null_share),
            "values": bool(self.values),
            "max_duplicate_share": self.max_duplicate_share is not None,
        }
        return tuple(key for key, is_asked in asked.items() if not is_asked)
