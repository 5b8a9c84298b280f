"""Categories and prices as they were told last, of items that live sessions look at: in memory, bounded. No I/O.

An item that is told anew is dropped and read again when it is next looked at.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from recsys.types import ItemId

MOST_ITEMS: Final = 20_000
"""Items of a site that are kept, some 8 MB; beyond, those go that were looked at longest ago."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was told last of an item; None, since ever: nothing was."""

    category: str | None = None
    category_since: float = -inf
    "Seconds since 1970, UTC."
    price: float | None = None
    price_since: float = -inf

    def held(self, moment: float) -> bool:
        """Whether this was so at that time already."""
        return self.category_since <= moment and self.price_since <= moment


class ItemFacts:
    """Of one site."""

    def __init__(self, most: int = MOST_ITEMS) -> None:
        self._facts: OrderedDict[ItemId, Facts] = OrderedDict()
        self._most = most
        self.retellings = 0
        "How often something new was heard of any item."

    def of(self, item_ids: Collection[ItemId]) -> dict[ItemId, Facts]:
        """Facts of those items that are kept."""
        found = {item_id: self._facts[item_id] for item_id in item_ids if item_id in self._facts}
        for item_id in found:
            self._facts.move_to_end(item_id)
        return found

    def retell(self, item_id: ItemId) -> None:
        """Something new was told of the item, perhaps of a time that has passed."""
        self.retellings += 1
        self._facts.pop(item_id, None)

    def learn(self, facts: Mapping[ItemId, Facts], retellings: int) -> None:
        """Facts that were asked for at this number of retellings; what may be outdated since is not kept."""
        if retellings != self.retellings:
            return
        self._facts.update(facts)
        while len(self._facts) > self._most:
            self._facts.popitem(last=False)
