"""Plain names for the ids that travel through the system, and one frozen base for everything configured."""

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

SiteId: TypeAlias = str
UserId: TypeAlias = str
ItemId: TypeAlias = str
EventId: TypeAlias = str
RequestId: TypeAlias = str
ReleaseId: TypeAlias = str


class Frozen(BaseModel):
    """Immutable; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
