"""What a site's users and its shop told us lately, kept in the memory of each web worker. No I/O, no clock.

Postgres has all of it; ``recsys.serving.telling`` reads it there and hears what is new. The rule of what counts is
here: an event counts for releases that could not know it, or have known it for less than a day. So the answer does not
depend on when a worker started.

A user's events are here as a whole or not at all. Where there is too much to keep, users who did nothing for longest
go. Of a user who is not here Postgres is asked, once: what it says is kept like what was told.
"""

from bisect import insort
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from recsys.serving.item_facts import ItemFacts
from recsys.serving.predicting.session import SessionEvent
from recsys.serving.reading import ReleaseKey
from recsys.serving.seen_events import (
    CAME,
    EVENT,
    HAPPENED,
    ITEM,
    SESSION,
    TYPE,
    Row,
    SeenEvent,
    age,
    pack,
    seen,
    unpack,
)
from recsys.types import ItemId, UserId

LOOK_BACK: Final = timedelta(days=1)
"""An event counts for a release if it happened or came in after the release's end of knowledge, less this."""
MOST_EVENTS: Final = 500
"""Events of one user that are kept; of a user with more, Postgres is asked each time."""
MOST_KEPT: Final = 1_000_000
"""Events of a site, and users who are known, that are kept: 60 to 100 MB, by the length of their ids."""
MOST_ELSEWHERE: Final = 100_000
"""Users who are remembered to be left to Postgres, some 10 MB; with more, it is asked of everyone who is not here."""
AT_ONCE: Final = 1000
"""Users who are looked at before requests have their turn: some milliseconds."""


@dataclass(slots=True)
class Activity:
    """What a user did lately."""

    events: Sequence[SeenEvent] = ()
    "Newest first."
    bought: frozenset[ItemId] = frozenset()
    seen: frozenset[ItemId] = frozenset()
    "All that the user did something with, bought or not."
    unread: bool = False
    "True: Postgres may know more, and does not answer."


@dataclass(frozen=True, slots=True)
class OffSale:
    """Since when an item is not available."""

    timestamp: datetime
    received_at: datetime


Expected = dict[UserId, list[tuple[SeenEvent, bool]]]
"""Users of whom Postgres is being asked, and what was told of them since, as ``Told.event`` takes it."""


@dataclass
class Told:
    """Of one site."""

    since: ReleaseKey
    "Everything that counts for this release, or for a later one, is here."
    everyone: bool = True
    "False: there was too much to keep, and of a user who is not here Postgres is asked."
    sure: bool = True
    "False: something may have been said since that is not here."
    facts: ItemFacts = field(default_factory=ItemFacts)
    "Of items that live sessions looked at."
    events: int = 0
    "How many are kept."
    most: int = MOST_KEPT
    "Events and users, together."
    _events: OrderedDict[UserId, bytes] = field(default_factory=OrderedDict)
    "Packed, newest first; of users in the order of the last telling."
    _elsewhere: set[UserId] = field(default_factory=set)
    "Users of whom there was too much to keep; none while ``everyone`` is false."
    _expected: Expected = field(default_factory=dict)
    "What was told of users while Postgres is asked of them."
    _waiting: set[UserId] = field(default_factory=set)
    "Users of whom something is here that Postgres may not have taken."
    off_sale: dict[ItemId, OffSale] = field(default_factory=dict)
    "Items that are not available, whatever a release says."
    _forgotten: dict[UserId, datetime] = field(default_factory=dict)

    def event(self, user_id: UserId, event: SeenEvent, *, stored: bool = True) -> None:
        """The user did this; telling it twice changes nothing. ``stored``: Postgres surely has it as it is."""
        if self._is_elsewhere(user_id):
            if user_id in self._expected:
                self._expected[user_id].append((event, stored))
            return
        known = self._known(user_id)
        if event.event_id in [row[EVENT] for row in known]:
            return
        if not stored:
            self._waiting.add(user_id)
        insort(known, tuple(event), key=age)
        self._put(user_id, known, more=1)

    def whole(self, user_id: UserId, events: Collection[SeenEvent]) -> None:
        """These are all that count of the user, who is not here."""
        self._elsewhere.discard(user_id)
        self._put(user_id, sorted(map(tuple, events), key=age), more=len(events))

    def expect(self, user_ids: Iterable[UserId]) -> Expected:
        """Postgres is about to be asked of these users; what is told of them meanwhile is put aside for ``learn``."""
        return {user_id: self._expected.setdefault(user_id, []) for user_id in user_ids}

    def learn(self, expected: Expected, found: Mapping[UserId, Collection[SeenEvent]]) -> None:
        """This is all that counts of the expected users that Postgres had; what was told meanwhile joins it.

        A user who was forgotten since, or learned of by another who asked, stays as he is; so does one not ``found``.
        """
        for user_id, meanwhile in expected.items():
            if self._expected.get(user_id) is not meanwhile:
                continue
            del self._expected[user_id]
            if user_id in found and self._is_elsewhere(user_id):
                self.whole(user_id, found[user_id])
                for event, stored in meanwhile:
                    self.event(user_id, event, stored=stored)

    def keep(self, since: ReleaseKey) -> Iterator[None]:
        """Events that count for no release from this one on are gone at the end; a step takes some milliseconds."""
        if (since.as_of, since.created_at) == (self.since.as_of, self.since.created_at):
            return
        self.since = since
        for place, user_id in enumerate(list(self._events), start=1):
            known = self._known(user_id)
            counting = _counting(known, since)
            self.events -= len(known) - len(counting)
            if not counting and self.everyone:
                self._events.pop(user_id, None)
            elif len(counting) < len(known):
                self._events[user_id] = pack(counting)
            if place % AT_ONCE == 0:
                yield

    def would_hold_more(self, since: ReleaseKey) -> bool:
        """Whether users who were left to Postgres would find room, as less counts for a newer release: read again."""
        newer = self.covers(since) and since.created_at > self.since.created_at
        return newer and bool(self._elsewhere or not self.everyone)

    def covers(self, release: ReleaseKey) -> bool:
        """Whether everything that counts for the release is here."""
        return release.as_of >= self.since.as_of and release.created_at >= self.since.created_at

    def item(self, item_id: ItemId, off_sale: OffSale | None) -> None:
        """The item is off sale since then; None: it is available again."""
        if off_sale is None:
            self.off_sale.pop(item_id, None)
        else:
            self.off_sale[item_id] = off_sale

    def forget(self, user_id: UserId, at: datetime) -> None:
        """The user asked to be forgotten."""
        self.events -= len(self._known(user_id))
        self._events.pop(user_id, None)
        self._elsewhere.discard(user_id)
        self._expected.pop(user_id, None)
        self._forgotten[user_id] = at

    def activity(self, user_id: UserId, release: ReleaseKey, *, events: int, bought_by: str | None) -> Activity | None:
        """The user's last ``events`` events, what the user bought and saw, as they count for the release.

        ``bought_by`` is the event type that means bought; None: nothing does. None is returned for *ask Postgres*.
        """
        if not self.covers(release) or self._is_elsewhere(user_id):
            return None
        counting = _counting(self._known(user_id), release)
        bought = frozenset([row[ITEM] for row in counting if row[TYPE] == bought_by])
        return Activity(seen(counting[:events]), bought, frozenset([row[ITEM] for row in counting]))

    def last_events(self, user_id: UserId, until: float, gap: float) -> list[SessionEvent] | None:
        """What Postgres has of the user, back from ``until`` to where nothing happened for longer than the gap.

        Oldest first, events of one moment by their ids; nothing is said of items. None: some of it may not be here, or
        not be so there. Times are in seconds since 1970.
        """
        if not self.sure or self._is_elsewhere(user_id) or user_id in self._waiting or user_id in self._forgotten:
            return None
        last: list[Row] = []
        began = until
        for row in self._known(user_id):
            if row[HAPPENED] > until:
                continue
            if began - row[HAPPENED] > gap:
                break
            last.append(row)
            began = row[HAPPENED]
        if began - gap < (self.since.as_of - LOOK_BACK).timestamp():
            return None
        last.sort(key=lambda row: (row[HAPPENED], row[EVENT]))
        return [SessionEvent(row[TYPE], row[HAPPENED], row[ITEM], session_id=row[SESSION]) for row in last]

    def went_off_sale(self, item_id: ItemId, release: ReleaseKey) -> bool:
        """Whether the item was taken off sale, and the release could not know."""
        found = self.off_sale.get(item_id)
        return found is not None and (found.timestamp >= release.as_of or found.received_at >= release.created_at)

    def forgot(self, user_id: UserId, release: ReleaseKey) -> bool:
        """Whether the user asked to be forgotten after the release was begun."""
        at = self._forgotten.get(user_id)
        return at is not None and at >= release.as_of

    def _is_elsewhere(self, user_id: UserId) -> bool:
        return user_id not in self._events and (not self.everyone or user_id in self._elsewhere)

    def _known(self, user_id: UserId) -> list[Row]:
        packed = self._events.get(user_id)
        return [] if packed is None else unpack(packed)

    def _put(self, user_id: UserId, rows: list[Row], *, more: int) -> None:
        """These are the user's events, so many more than before; where there is no room for all, some users go."""
        self._events[user_id] = pack(rows)
        self._events.move_to_end(user_id)
        self.events += more
        if len(rows) > MOST_EVENTS:
            self._leave_to_postgres(user_id)
        while self.events + len(self._events) > self.most:
            self._leave_to_postgres(next(iter(self._events)))

    def _leave_to_postgres(self, user_id: UserId) -> None:
        self.events -= len(self._known(user_id))
        del self._events[user_id]
        if self.everyone:
            self._elsewhere.add(user_id)
            if len(self._elsewhere) > MOST_ELSEWHERE:
                self.everyone = False
                self._elsewhere.clear()


def _counting(rows: list[Row], release: ReleaseKey) -> list[Row]:
    """Those of a user's events, newest first, with a view to which the release is answered."""
    if not rows:
        return rows
    happened, came = _counting_from(release.as_of, release.created_at)
    if rows[-1][HAPPENED] >= happened:  # the oldest counts, so all do
        return rows
    return [row for row in rows if row[HAPPENED] >= happened or row[CAME] >= came]


@lru_cache
def _counting_from(as_of: datetime, created_at: datetime) -> tuple[float, float]:
    """Since when what happened, or what came in, counts for a release, in seconds since 1970."""
    return (as_of - LOOK_BACK).timestamp(), (created_at - LOOK_BACK).timestamp()
