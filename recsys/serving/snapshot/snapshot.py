"""Reads a snapshot. Every lookup is a few microseconds and touches nothing but memory."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import inf
from pathlib import Path
from typing import Final

from recsys.serving.reading import ANYTHING, Filters, Item, ReleaseKey, ScoredItems, Slate, SlateRow
from recsys.serving.snapshot.form import Header, Mapped
from recsys.types import ItemId, UserId

FEW: Final = 2000
"""So many items are put into order in less than a millisecond."""
KEPT: Final = 50_000
"""Items, and neighbour lists, that a worker keeps unpacked."""


def hash_of(identifier: str) -> int:
    """64 bits of an id, the same on every machine."""
    return int.from_bytes(blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class Snapshot:
    """One release. Unknown ids are empty answers, never errors."""

    def __init__(self, path: Path) -> None:
        """Opens the file; see ``Mapped`` for its errors."""
        self._mapped = mapped = Mapped(path)
        self.header: Header = mapped.header
        self.key = ReleaseKey(*(getattr(self.header, name) for name in ("site", "release_id", "as_of", "created_at")))
        self.bytes = mapped.bytes
        self._names, self._name_at = mapped["names"], mapped["name_at"]
        self._slate_at, self._reason_at, self._reasons = mapped["slate_at"], mapped["reason_at"], mapped["reasons"]
        self._slate_columns = [mapped[name] for name in ("slate", "slate_scores", "slate_sources", "reason_counts")]
        self._category = {name: number for number, name in enumerate(self.header.categories, start=1)}
        self.name: Callable[[int], ItemId] = lru_cache(KEPT)(self._name)
        "The id of the item with this number."
        self.item: Callable[[ItemId], Item | None] = lru_cache(KEPT)(self._item)
        "What is known of an item, available or not; None for one that is not in the catalogue."
        self.on_sale: Callable[[ItemId], Item | None] = lru_cache(KEPT)(self._on_sale)
        "The same for an available item; None for any other."
        self.similar: Callable[[ItemId], ScoredItems | None] = lru_cache(KEPT)(self._similar)
        "Neighbours, best first; None where it has none."
        self.popular: Callable[[str | None], ScoredItems] = lru_cache(KEPT)(self._popular)
        "Popular items of a category, or of the whole catalogue, best first."

    def slate(self, user_id: UserId) -> Slate | None:
        """What was computed for the user; None for a user that the snapshot does not hold."""
        row = self._find("user", user_id, self._user)
        if row is None:
            return None
        at = self._mapped["excluded_at"]
        return Slate(
            _Rows(self, row),
            frozenset(map(self.name, self._mapped["excluded"][at[row] : at[row + 1]])),
            _Named(self, "bought", row),
            _Named(self, "seen", row),
        )

    def catalogue(self, filters: Filters = ANYTHING) -> Iterator[ItemId]:
        """Ids by popularity: of every available item that passes the filters, and maybe of some others."""
        if filters.only is not None:
            found = [(self._find("item", item_id, self.name), item_id) for item_id in filters.only]
            ranks, known = self._mapped["ranks"], self.header.items
            ranked = sorted(
                (ranks[number], item_id) for number, item_id in found if number is not None and number < known
            )
            return (item_id for _, item_id in ranked)
        number = self._category.get(filters.category) if filters.category else 0
        if number is None:
            return iter(())
        start, end = self._mapped["shelf_at"][number : number + 2]
        shelf: Sequence[int] = self._mapped["shelf"][start:end]
        return map(self.name, self._between(shelf, filters.min_price, filters.max_price))

    def users(self, start: int, count: int) -> list[UserId]:
        """Ids of up to ``count`` users, beginning with the one at place ``start``."""
        return [self._user(row) for row in range(start, min(start + count, self.header.users))]

    def _between(self, shelf: Sequence[int], least: float | None, most: float | None) -> Iterable[int]:
        """The items of the shelf that cost so much, in its order; of few such items some that it does not hold, too."""
        if least is None and most is None:
            return shelf
        low, high = -inf if least is None else least, inf if most is None else most
        prices, by_price = self._mapped["prices"], self._mapped["by_price"]
        price: Callable[[int], float] = prices.__getitem__
        start, end = bisect_left(by_price, low, key=price), bisect_right(by_price, high, key=price)
        if end - start <= min(FEW, len(shelf)):  # ordering these is quicker than going through the shelf
            return sorted(by_price[start:end], key=self._mapped["ranks"].__getitem__)
        return (number for number in shelf if low <= prices[number] <= high)

    def _find(self, kind: str, identifier: str, name: Callable[[int], str]) -> int | None:
        hashes, wanted = self._mapped[f"{kind}_hashes"], hash_of(identifier)
        place = bisect_left(hashes, wanted)
        while place < len(hashes) and hashes[place] == wanted:
            number: int = self._mapped[f"hashed_{kind}s"][place]
            if name(number) == identifier:
                return number
            place += 1
        return None

    def _name(self, number: int) -> ItemId:
        return str(self._names[self._name_at[number] : self._name_at[number + 1]], "utf-8")

    def _user(self, row: int) -> UserId:
        at = self._mapped["user_at"]
        return str(self._mapped["users"][at[row] : at[row + 1]], "utf-8")

    def _item(self, item_id: ItemId) -> Item | None:
        number = self._find("item", item_id, self.name)
        if number is None or number >= self.header.items:
            return None
        at = self._mapped["fact_at"]
        title, category, price = json.loads(bytes(self._mapped["facts"][at[number] : at[number + 1]]))
        return Item(item_id, title, category, price, bool(self._mapped["available"][number]))

    def _on_sale(self, item_id: ItemId) -> Item | None:
        item = self.item(item_id)
        return item if item is not None and item.available else None

    def _similar(self, item_id: ItemId) -> ScoredItems | None:
        number = self._find("item", item_id, self.name)
        if number is None or number >= self.header.items:
            return None
        at = self._mapped["similar_at"]
        start, end = at[number], at[number + 1]
        return self._scored("similar", start, end) if end > start else None

    def _popular(self, category: str | None) -> ScoredItems:
        number = self._category.get(category) if category else 0
        if number is None:
            return ScoredItems()
        at = self._mapped["popular_at"]
        return self._scored("popular", at[number], at[number + 1])

    def _scored(self, array: str, start: int, end: int) -> ScoredItems:
        scores: list[float] = self._mapped[f"{array}_scores"][start:end].tolist()
        return ScoredItems(tuple(map(self.name, self._mapped[array][start:end])), tuple(scores))

    def named(self, array: str, row: int) -> Iterator[ItemId]:
        """The part of an array of items that belongs to the user at this place."""
        start, end = self._mapped[f"{array}_at"][row : row + 2]
        return map(self.name, self._mapped[array][start:end])

    def slate_rows(self, row: int) -> Iterator[SlateRow]:
        """The slate of the user at this place, unpacked as far as it is read."""
        start, end = self._slate_at[row], self._slate_at[row + 1]
        first, last = self._reason_at[row], self._reason_at[row + 1]
        name, sources, reasons = self.name, self.header.sources, self._reasons[first:last]
        columns = (column[start:end] for column in self._slate_columns)
        first = 0
        for item, score, source, count in zip(*columns, strict=True):
            if count:
                last = first + count
                yield name(item), score, sources[source], tuple(map(name, reasons[first:last]))
                first = last
            else:
                yield name(item), score, sources[source], ()


class _Named:
    """The ids of one list of a user, unpacked when they are read."""

    def __init__(self, snapshot: Snapshot, array: str, row: int) -> None:
        self._snapshot, self._array, self._row = snapshot, array, row

    def __iter__(self) -> Iterator[ItemId]:
        return self._snapshot.named(self._array, self._row)


class _Rows:
    """A slate that can be read more than once."""

    def __init__(self, snapshot: Snapshot, row: int) -> None:
        self._snapshot, self._row = snapshot, row

    def __iter__(self) -> Iterator[SlateRow]:
        return self._snapshot.slate_rows(self._row)
