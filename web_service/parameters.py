"""The parameters of the API: what each may hold. An unknown parameter is refused, so that a typing error shows."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from recsys.events.model import Id
from recsys.serving.contracts import Mode
from recsys.types import Frozen

MOST_EXCLUDED = 1000
MOST_RECENT = 100


def _split(values: Any) -> Any:
    """``a,b`` and ``a``, ``b`` given one by one are the same."""
    if isinstance(values, list):
        return [part for value in values for part in (value.split(",") if isinstance(value, str) else [value]) if part]
    return values


IdList = Annotated[list[Id], BeforeValidator(_split)]
K = Annotated[int, Field(ge=1, le=500, description="How many items.")]


class _Wanted(Frozen):
    user_id: Id | None = Field(
        default=None, description="Unknown users get what is popular; absent: an anonymous visitor."
    )
    k: K = 10
    mode: Mode = Field(
        default="blended", description="blended: online and offline in turns; the others: one of them first."
    )
    category: Id | None = Field(default=None, description="Only items of this category.")


class RecommendationQuery(_Wanted):
    """The question as a query string; lists are separated by commas, or given several times."""

    exclude: IdList = Field(default=[], max_length=MOST_EXCLUDED, description="Items not to show.")
    recent: IdList = Field(
        default=[], max_length=MOST_RECENT, description="Items just looked at, newest last; they count as events."
    )


class RecommendationBody(_Wanted):
    """The question as a JSON body."""

    exclude: list[Id] = Field(default=[], max_length=MOST_EXCLUDED)
    recent: list[Id] = Field(default=[], max_length=MOST_RECENT)


class SessionQuery(Frozen):
    """What an anonymous visitor looked at."""

    items: IdList = Field(
        min_length=1, max_length=MOST_RECENT, description="Item ids, newest last, separated by commas."
    )
    k: K = 10


class PopularQuery(Frozen):
    """Which popular items."""

    k: K = 10
    category: Id | None = None


class SimilarQuery(Frozen):
    """How many neighbours."""

    k: K = 10


class ItemsQuery(Frozen):
    """Which items."""

    ids: IdList = Field(min_length=1, max_length=500, description="Item ids, separated by commas.")


class EventsQuery(Frozen):
    """How many events."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class UsersQuery(Frozen):
    """How many users."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
