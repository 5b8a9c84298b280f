"""A release answered from its snapshot; Postgres is asked only for users that the snapshot does not hold."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from itertools import filterfalse, islice
from typing import Final

from recsys.serving.away import AWAY
from recsys.serving.postgres_release import PostgresRelease
from recsys.serving.reading import ANYTHING, Filters, Item, ReleaseKey, Shelf, Slate
from recsys.serving.snapshot.snapshot import Snapshot
from recsys.serving.told import Told
from recsys.types import ItemId, UserId

KEPT_SLATES: Final = 10_000
"""Slates of users beyond the snapshot that a worker keeps."""
UNREAD: Final = Slate(unread=True)


class SnapshotRelease:
    """A ``ReleaseReader`` without a round trip."""

    def __init__(self, snapshot: Snapshot, tables: PostgresRelease, told: Callable[[], Told]) -> None:
        """``tables`` are the same release; ``told`` gives what its site was told since it was made."""
        self.key: ReleaseKey = snapshot.key
        self._snapshot = snapshot
        self._tables = tables
        self._told = told
        self._users_from = 0
        self._slates: OrderedDict[UserId, Slate | None] = OrderedDict()

    async def slate(self, user_id: UserId) -> Slate | None:
        if self._told().forgot(user_id, self.key):
            return None
        slate = self._snapshot.slate(user_id)
        if slate is not None or self._snapshot.header.all_users:
            return slate
        if user_id not in self._slates:
            try:
                self._slates[user_id] = await self._tables.slate(user_id)
            except AWAY:  # an answer for strangers is better than none
                return UNREAD
            if len(self._slates) > KEPT_SLATES:
                self._slates.popitem(last=False)
        return self._slates[user_id]

    async def slates(self, user_ids: Collection[UserId]) -> dict[UserId, Slate]:
        asked = dict.fromkeys(user_ids)
        found = {user_id: self._snapshot.slate(user_id) for user_id in asked}
        if not self._snapshot.header.all_users:
            missing = [user_id for user_id, slate in found.items() if slate is None]
            try:
                found |= await self._tables.slates(missing) if missing else {}
            except AWAY:
                found |= dict.fromkeys(missing, UNREAD)
        told = self._told()
        return {
            user_id: slate
            for user_id, slate in found.items()
            if slate is not None and not told.forgot(user_id, self.key)
        }

    async def shelf(self, *, similar_to: Sequence[ItemId], filters: Filters, slates: Sequence[Slate]) -> Shelf:
        similar = {}
        for item_id in similar_to:
            if (neighbours := self._snapshot.similar(item_id)) is not None:
                similar[item_id] = neighbours
        return Shelf(similar, self._snapshot.popular(filters.category), self._showable(filters))

    async def catalogue(self, *, filters: Filters, without: Collection[ItemId], limit: int) -> list[Item]:
        found = map(self._showable(filters), filterfalse(without.__contains__, self._snapshot.catalogue(filters)))
        return list(islice((item for item in found if item is not None), limit))

    async def items(self, item_ids: Collection[ItemId]) -> dict[ItemId, Item]:
        found = map(self._snapshot.item, item_ids)
        return {item.item_id: item for item in found if item is not None}

    async def users(self, *, limit: int) -> list[UserId]:
        start = self._users_from % max(self._snapshot.header.users, 1)
        self._users_from = start + limit
        return self._snapshot.users(start, limit)

    def _showable(self, filters: Filters) -> Callable[[ItemId], Item | None]:
        """What finds items that may be shown."""
        on_sale, told, anything = self._snapshot.on_sale, self._told(), filters is ANYTHING
        if anything and not told.off_sale:
            return on_sale

        def showable(item_id: ItemId) -> Item | None:
            item = on_sale(item_id)
            if item is None or (item_id in told.off_sale and told.went_off_sale(item_id, self.key)):
                return None
            return item if anything or filters.admit(item) else None

        return showable
