"""The parameters of the API: what each may hold. An unknown parameter is refused, so that a typing error shows."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from recsys.events.model import Id
from recsys.serving.contracts import Mode
from recsys.types import Frozen

MOST_LISTED = 1000
MOST_RECENT = 100
MOST_OFFSET = 1000
MOST_USERS = 1000
MOST_SESSION = 500
MOST_ROWS = 1000
USER = "Unknown users get what is popular; absent: an anonymous visitor."
MODE = "blended: online and offline, in the site's proportion; the others: one of them first."


def _split(values: Any) -> Any:
    """``a,b`` and ``a``, ``b`` given one by one are the same."""
    if isinstance(values, list):
        return [part for value in values for part in (value.split(",") if isinstance(value, str) else [value]) if part]
    return values


def _not_below_the_least(most: float | None, given: ValidationInfo) -> float | None:
    least = given.data.get("min_price")
    if most is not None and least is not None and most < least:
        raise ValueError(f"found {most:g}, expected at least min_price, which is {least:g}")
    return most


IdList = Annotated[list[Id], BeforeValidator(_split)]
K = Annotated[int, Field(ge=1, le=500, description="How many items.", examples=[5])]
Offset = Annotated[
    int,
    Field(
        ge=0,
        le=MOST_OFFSET,
        description="How many items were shown before: k for the second page. While nothing new is known, pages do not "
        "overlap; positions go on.",
        examples=[0],
    ),
]
Category = Annotated[Id | None, Field(description="Only items of this category.", examples=["Books"])]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Least = Annotated[Price | None, Field(description="Only items that cost so much or more.", examples=[5])]
Most = Annotated[
    Price | None,
    AfterValidator(_not_below_the_least),
    Field(description="Only items that cost so much or less.", examples=[50]),
]
Hide = Literal["seen", "bought"]
HIDE = (
    "bought: nothing that the user bought, whatever the site says; seen: nor anything else that the user did something "
    "with, or that is in recent."
)
MEANING = {
    "only": "Only these items; an empty list allows none.",
    "exclude": "Items not to show.",
    "recent": "Items just looked at, newest last; they count as events.",
}


class _Filtered(Frozen):
    """What is asked of every item, and which page."""

    k: K = 10
    offset: Offset = 0
    category: Category = None
    min_price: Least = None
    max_price: Most = None


class FilteredQuery(_Filtered):
    """The same in a query string; lists are separated by commas, or given several times."""

    only: Annotated[list[Id] | None, BeforeValidator(_split)] = Field(
        default=None, max_length=MOST_LISTED, description=MEANING["only"], examples=[["i0007", "i0011", "i0023"]]
    )
    exclude: IdList = Field(
        default_factory=list, max_length=MOST_LISTED, description=MEANING["exclude"], examples=[["i0003"]]
    )


class PopularQuery(FilteredQuery):
    """Which popular items."""


class SimilarQuery(FilteredQuery):
    """Which neighbours."""


class SessionQuery(FilteredQuery):
    """What an anonymous visitor looked at."""

    items: IdList = Field(
        min_length=1,
        max_length=MOST_RECENT,
        description="Item ids, newest last, separated by commas.",
        examples=[["i0007", "i0012"]],
    )


class RecommendationQuery(FilteredQuery):
    """The question as a query string; lists are separated by commas, or given several times."""

    user_id: Id | None = Field(default=None, description=USER, examples=["u00042"])
    mode: Mode = Field(default="blended", description=MODE, examples=["blended"])
    recent: IdList = Field(
        default_factory=list, max_length=MOST_RECENT, description=MEANING["recent"], examples=[["i0007", "i0012"]]
    )
    hide: Annotated[list[Hide], BeforeValidator(_split)] = Field(
        default_factory=list, max_length=10, description=HIDE, examples=[["bought"]]
    )


LISTS = frozenset({"only", "exclude", "recent", "hide"})
"""Parameters of a ``RecommendationQuery`` that may be given several times."""


class RecommendationBody(_Filtered, strict=True):
    """The question as a JSON body."""

    user_id: Id | None = Field(default=None, description=USER)
    mode: Mode = Field(default="blended", description=MODE)
    only: list[Id] | None = Field(default=None, max_length=MOST_LISTED, description=MEANING["only"])
    exclude: list[Id] = Field(default_factory=list, max_length=MOST_LISTED, description=MEANING["exclude"])
    recent: list[Id] = Field(default_factory=list, max_length=MOST_RECENT, description=MEANING["recent"])
    hide: list[Hide] = Field(default_factory=list, max_length=10, description=HIDE)


class BatchBody(_Filtered, strict=True):
    """One wish for many users, as a JSON body."""

    user_ids: list[Id] = Field(
        min_length=1, max_length=MOST_USERS, description="Answered in this order; unknown ones get what is popular."
    )
    k: Annotated[int, Field(ge=1, le=50, description="How many items for each.")] = 10
    mode: Mode = Field(default="blended", description=MODE)
    only: list[Id] | None = Field(default=None, max_length=MOST_LISTED, description=MEANING["only"])
    exclude: list[Id] = Field(default_factory=list, max_length=MOST_LISTED, description=MEANING["exclude"])
    hide: list[Hide] = Field(default_factory=list, max_length=10, description=HIDE)


class IntentQuery(Frozen):
    """Which session."""

    session: IdList = Field(
        default_factory=list,
        max_length=MOST_SESSION,
        description="Types of its events, oldest first, separated by commas; types the site has not are left out.",
        examples=[["view", "cart", "remove"]],
    )
    user_id: Id | None = Field(
        default=None, description="Whose live session, where no session is told.", examples=["u00042"]
    )


class CtrBody(Frozen, strict=True):
    """Raw rows."""

    rows: list[dict[str, str | float | int | bool | None]] = Field(
        min_length=1, max_length=MOST_ROWS, description="Impressions, each with the columns of the training."
    )


class ItemsQuery(Frozen):
    """Which items."""

    ids: IdList = Field(
        min_length=1, max_length=500, description="Item ids, separated by commas.", examples=[["i0007", "i0012"]]
    )


class EventsQuery(Frozen):
    """How many events."""

    limit: Annotated[int, Field(ge=1, le=1000, examples=[20])] = 50


class UsersQuery(Frozen):
    """How many users."""

    limit: Annotated[int, Field(ge=1, le=100, examples=[5])] = 20
