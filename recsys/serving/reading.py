"""What an answer needs of one release. Two things can give it: the tables in Postgres, and a snapshot on this host.

Light: no frame library.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from recsys.types import ItemId, ReleaseId, SiteId, UserId

SlateRow = tuple[ItemId, float, str, tuple[ItemId, ...]]
"""Item, score, source, and the items because of which it is shown."""


@dataclass(frozen=True, slots=True)
class ReleaseKey:
    """A release, and what it could know."""

    site: SiteId
    release_id: ReleaseId
    as_of: datetime
    "Exclusive: nothing that happened at or after this time."
    created_at: datetime
    "Nothing that came in at or after this time."


@dataclass(slots=True)
class Slate:
    """What was computed offline for one user. One is made for each answer, so it is not frozen: that takes longer."""

    rows: Iterable[SlateRow] = ()
    "Best first."
    excluded: frozenset[ItemId] = frozenset()
    bought: Iterable[ItemId] = ()
    "What the user had bought."
    seen: Iterable[ItemId] = ()
    "What else the user had done something with."
    unread: bool = False
    "True: Postgres may have one, and does not answer."


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the catalogue, as it is shown."""

    item_id: ItemId
    title: str | None
    category: str | None
    price: float | None
    available: bool = True
    "When the release was made."


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked of an item's facts; None: anything."""

    category: str | None = None
    min_price: float | None = None
    max_price: float | None = None
    "An item without a price is not between bounds."
    only: frozenset[ItemId] | None = None

    def admit(self, item: Item) -> bool:
        """Whether the item is what was asked for."""
        return (
            self.category in (None, item.category)
            and (self.min_price is None or (item.price is not None and item.price >= self.min_price))
            and (self.max_price is None or (item.price is not None and item.price <= self.max_price))
            and (self.only is None or item.item_id in self.only)
        )


ANYTHING: Final = Filters()


@dataclass(frozen=True, slots=True)
class ScoredItems:
    """Items with their scores, best first."""

    item_ids: Sequence[ItemId] = ()
    scores: Sequence[float] = ()
    score_of: Mapping[ItemId, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "score_of", dict(zip(self.item_ids, self.scores, strict=True)))


@dataclass(slots=True)
class Shelf:
    """What may be shown: neighbours, popular items, and those of them and of the slate that are available."""

    similar: Mapping[ItemId, ScoredItems] = field(default_factory=dict)
    popular: ScoredItems = ScoredItems()
    item: Callable[[ItemId], Item | None] = dict[ItemId, Item]().get
    """What is known of an item that may be shown; None for any other: it is not available, was taken off sale since, is
    refused by the filters."""


class ReleaseReader(Protocol):
    """Reads one release. An unknown id is an empty answer, never an error."""

    @property
    def key(self) -> ReleaseKey: ...

    async def slate(self, user_id: UserId) -> Slate | None:
        """What was computed for the user; None for one that the release does not know."""
        ...

    async def slates(self, user_ids: Collection[UserId]) -> dict[UserId, Slate]:
        """What was computed for these users; those that the release does not know are absent."""
        ...

    async def shelf(self, *, similar_to: Sequence[ItemId], filters: Filters, slates: Sequence[Slate]) -> Shelf:
        """Neighbours of ``similar_to``, the popular items, and what is known of these and of the slates' items."""
        ...

    async def catalogue(self, *, filters: Filters, without: Collection[ItemId], limit: int) -> list[Item]:
        """Available items by popularity, at most ``limit``, none of ``without``; none taken off sale since."""
        ...

    async def items(self, item_ids: Collection[ItemId]) -> dict[ItemId, Item]:
        """What is known of these items, available or not; unknown ones are absent."""
        ...

    async def users(self, *, limit: int) -> list[UserId]:
        """Some users that have a slate, others at each call."""
        ...
