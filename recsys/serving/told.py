"""What a site's users and its shop told us lately, kept in the memory of each web worker. No I/O, no clock.

Postgres has all of it; ``recsys.serving.telling`` reads it there and hears what is new. The rule of what counts is
here: an event counts for releases that could not know it, or have known it for less than a day. So the answer does not
depend on when a worker started.
"""

from bisect import insort
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from recsys.serving.item_facts import ItemFacts
from recsys.serving.reading import ReleaseKey
from recsys.types import EventId, ItemId, UserId

LOOK_BACK: Final = timedelta(days=1)
"""An event counts for a release if it happened or came in after the release's end of knowledge, less this."""
MOST_EVENTS: Final = 500
"""Events of one user that are kept; of a user with more, Postgres is asked."""
MOST_KEPT: Final = 500_000
"""Events of a site that are kept, some 160 MB; beyond, Postgres is asked of the users who did nothing for longest."""

AHEAD: Final = timedelta(hours=1)
"""No clock that says when something happened is further ahead of the one that says when it came in."""


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """Something a user did."""

    event_id: EventId
    item_id: ItemId
    event_type: str
    timestamp: datetime
    received_at: datetime
    session_id: str | None = None


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


@dataclass
class Told:
    """Of one site."""

    since: ReleaseKey
    "Everything that counts for this release, or for a later one, is here."
    read_from: datetime | None = None
    "There was too much to read, and what came in before is not here; None: everything is."
    sure: bool = True
    "False: something may have been said since that is not here."
    facts: ItemFacts = field(default_factory=ItemFacts)
    "Of items that live sessions looked at."
    events: int = 0
    "How many are kept."
    most: int = MOST_KEPT
    _events: OrderedDict[UserId, list[SeenEvent]] = field(default_factory=OrderedDict)
    "Newest first; of users in the order of the last telling."
    _elsewhere: set[UserId] = field(default_factory=set)
    "Users of whom there was too much to keep."
    _waiting: set[UserId] = field(default_factory=set)
    "Users of whom something is here that Postgres may not have taken."
    off_sale: dict[ItemId, OffSale] = field(default_factory=dict)
    "Items that are not available, whatever a release says."
    _forgotten: dict[UserId, datetime] = field(default_factory=dict)

    @property
    def everyone(self) -> bool:
        """Whether a user who is not here did nothing that counts; else Postgres is asked."""
        return self.read_from is None

    @property
    def whole_since(self) -> datetime:
        """All that happened at this time or later is here, but for users who are left to Postgres."""
        counting = self.since.as_of - LOOK_BACK
        return counting if self.read_from is None else max(counting, self.read_from + AHEAD)

    def event(self, user_id: UserId, event: SeenEvent, *, stored: bool = True) -> None:
        """The user did this; telling it twice changes nothing. ``stored``: Postgres surely has it as it is."""
        if user_id in self._elsewhere:
            return
        events = self._events.setdefault(user_id, [])
        if event.event_id in [known.event_id for known in events]:
            return
        if not stored:
            self._waiting.add(user_id)
        insort(events, event, key=_age)
        self.events += 1
        self._events.move_to_end(user_id)
        if len(events) > MOST_EVENTS:
            self._leave_to_postgres(user_id)
        while self.events > self.most:
            self._leave_to_postgres(next(iter(self._events)))

    def keep(self, since: ReleaseKey) -> None:
        """Events that count for no release from this one on are gone."""
        if (since.as_of, since.created_at) == (self.since.as_of, self.since.created_at):
            return
        self.since = since
        for user_id, events in list(self._events.items()):
            events[:] = _counting(events, since)
            if not events:
                del self._events[user_id]
        self.events = sum(map(len, self._events.values()))

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
        self.events -= len(self._events.pop(user_id, ()))
        self._elsewhere.discard(user_id)
        self._forgotten[user_id] = at

    def activity(self, user_id: UserId, release: ReleaseKey, *, events: int, bought_by: str | None) -> Activity | None:
        """The user's last ``events`` events, what the user bought and saw, as they count for the release.

        ``bought_by`` is the event type that means bought; None: nothing does. None is returned for *ask Postgres*.
        """
        if not self.covers(release):
            return None
        known = self._events.get(user_id, [])
        if not known and (user_id in self._elsewhere or not self.everyone):
            return None
        counting = _counting(known, release)
        bought = frozenset([event.item_id for event in counting if event.event_type == bought_by])
        return Activity(counting[:events], bought, frozenset([event.item_id for event in counting]))

    def last_events(self, user_id: UserId, until: datetime, gap: timedelta) -> list[SeenEvent] | None:
        """What Postgres has of the user, back from ``until`` to where nothing happened for longer than the gap.

        Oldest first, events of one moment by their ids. None: some of it may not be here, or not be so there.
        """
        if not self.sure or user_id in self._elsewhere or user_id in self._waiting or user_id in self._forgotten:
            return None
        last: list[SeenEvent] = []
        began = until
        for event in self._events.get(user_id, ()):
            if event.timestamp > until:
                continue
            if began - event.timestamp > gap:
                break
            last.append(event)
            began = event.timestamp
        if began - gap < self.whole_since:
            return None
        return sorted(last, key=lambda event: (event.timestamp, event.event_id))

    def went_off_sale(self, item_id: ItemId, release: ReleaseKey) -> bool:
        """Whether the item was taken off sale, and the release could not know."""
        found = self.off_sale.get(item_id)
        return found is not None and (found.timestamp >= release.as_of or found.received_at >= release.created_at)

    def forgot(self, user_id: UserId, release: ReleaseKey) -> bool:
        """Whether the user asked to be forgotten after the release was begun."""
        at = self._forgotten.get(user_id)
        return at is not None and at >= release.as_of

    def _leave_to_postgres(self, user_id: UserId) -> None:
        self.events -= len(self._events.pop(user_id))
        self._elsewhere.add(user_id)


def _counting(events: Sequence[SeenEvent], release: ReleaseKey) -> Sequence[SeenEvent]:
    """Those of a user's events, newest first, with a view to which the release is answered."""
    happened, came = release.as_of - LOOK_BACK, release.created_at - LOOK_BACK
    if not events or events[-1].timestamp >= happened:  # the oldest counts, so all do
        return events
    return [event for event in events if event.timestamp >= happened or event.received_at >= came]


def _age(event: SeenEvent) -> tuple[float, float, EventId]:
    """Newest first; equal times in the order of the ids."""
    return (-event.timestamp.timestamp(), -event.received_at.timestamp(), event.event_id)
