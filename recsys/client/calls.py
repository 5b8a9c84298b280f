"""What can be asked of the service, as requests that are not sent yet; both clients send the same."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

from typing_extensions import TypedDict

MOST_EVENTS: Final = 1000
"""Events of one request."""
MOST_USERS: Final = 1000
"""Users of one request."""
MOST_ROWS: Final = 1000
"""Impressions of one request."""
TIMEOUT: Final = 5.0
"""Seconds for one attempt, unless the client is told otherwise."""

Event = Mapping[str, Any]
"""As ``event`` makes it, or any other object that POST …/events takes."""


class Accepted(TypedDict):
    """What became of the events; all of them are durable."""

    accepted: int
    duplicates: int
    event_ids: list[str]


class Told(TypedDict, total=False):
    """Something a user did, as the service gives it back."""

    kind: str
    event_id: str
    timestamp: str
    user_id: str
    session_id: str | None
    item_id: str
    event_type: str
    value: float | None
    request_id: str | None


class Intent(TypedDict):
    """How likely a session is to buy, in [0, 1], and what said so."""

    purchase_probability: float
    model_version: str


class Forgotten(TypedDict):
    """Rows deleted of one user."""

    user_id: str
    events: int
    impressions: int
    slates: int


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None


def event(user_id: str, item_id: str, event_type: str, **more: Any) -> dict[str, Any]:
    """Something a user did just now, with an id of its own; ``more``: value, session_id, request_id, another time."""
    told = {"event_id": uuid.uuid4().hex, "timestamp": datetime.now(UTC).isoformat()}
    return {**told, "user_id": user_id, "item_id": item_id, "event_type": event_type, **more}


def recommendations(user_id: str | None, wish: Mapping[str, Any]) -> Call:
    """A question; as a body where a listed id holds a comma, which separates the ids of a query."""
    given = _given({"user_id": user_id, **wish})
    lists = {name: list(value) for name, value in given.items() if isinstance(value, (list, tuple, set, frozenset))}
    if sum(map(len, lists.values())) > 50 or any("," in each for value in lists.values() for each in value):
        return Call("POST", "/recommendations", body={**given, **lists})
    return Call("GET", "/recommendations", {**given, **{name: ",".join(value) for name, value in lists.items()}})


def batches(user_ids: Sequence[str], wish: Mapping[str, Any]) -> Iterator[Call]:
    """The same question for many users, in as few requests as may be."""
    for some in _split(user_ids, MOST_USERS):
        yield Call("POST", "/recommendations/batch", body={"user_ids": some, **_given(wish)})


def session(items: Sequence[str], wish: Mapping[str, Any]) -> Call:
    """What an anonymous visitor may like next."""
    return Call("GET", "/session", {"items": list(items), **_given(wish)})


def intent(session: Sequence[str], user_id: str | None) -> Call:
    """Whether a session buys: one that is told, or the one that the user is in."""
    return Call("GET", "/intent", _given({"session": list(session) or None, "user_id": user_id}))


def clicks(rows: Iterable[Mapping[str, Any]]) -> Iterator[Call]:
    """Whether impressions are clicked, in as few requests as may be."""
    for some in _split(rows, MOST_ROWS):
        yield Call("POST", "/ctr", body={"rows": some})


def similar(item_id: str, wish: Mapping[str, Any]) -> Call:
    """Neighbours of an item."""
    return Call("GET", f"/items/{quote(item_id, safe='')}/similar", _given(wish))


def popular(wish: Mapping[str, Any]) -> Call:
    """What is popular."""
    return Call("GET", "/popular", _given(wish))


def telling(events: Iterable[Event]) -> Iterator[Call]:
    """Events, in as few requests as may be; each has its id before it is sent, so that repeating is safe."""
    identified = ({"event_id": uuid.uuid4().hex, **each} for each in events)
    for some in _split(identified, MOST_EVENTS):
        yield Call("POST", "/events", body=some)


def history(user_id: str, limit: int) -> Call:
    """What a user did."""
    return Call("GET", f"/users/{quote(user_id, safe='')}/events", {"limit": limit})


def forgetting(user_id: str) -> Call:
    """The user is to be forgotten."""
    return Call("DELETE", f"/users/{quote(user_id, safe='')}")


def counted(answers: Iterable[Accepted]) -> Accepted:
    """Several answers to events as one."""
    found = list(answers)
    return Accepted(
        accepted=sum(each["accepted"] for each in found),
        duplicates=sum(each["duplicates"] for each in found),
        event_ids=[event_id for each in found for event_id in each["event_ids"]],
    )


def _given(wish: Mapping[str, Any]) -> dict[str, Any]:
    """None is what was not said."""
    return {name: value for name, value in wish.items() if value is not None}


def _split(things: Iterable[Any], most: int) -> Iterator[list[Any]]:
    left = iter(things)
    while some := list(islice(left, most)):
        yield some
