"""How one slate is made of what was computed offline and what the user did a second ago. Pure: no I/O, no clock.

The rule:

1. *Online* items are the neighbours of the user's last events. An event counts ``weight of its type × 0.5 ^ (how much
   older it is than the newest ÷ half-life)``; a neighbour's score is the sum over the events of ``count × similarity``.
   The items of the events themselves are not among them, except in a session where the site allows it.
2. ``blended`` takes online, offline, online, offline, …; where one list ends, the other goes on. ``offline`` takes only
   the ranked slate, ``online`` only the online items.
3. Where that is not enough: popular items, then the rest of the catalogue by popularity.
4. Nothing twice, nothing that may not be shown. So the answer has ``k`` items whenever that many may be shown.

Each list is read only as far as its items are shown.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heapify, heappop
from itertools import chain, starmap

from recsys.serving.contracts import Mode
from recsys.serving.reading import ScoredItems, Slate
from recsys.types import ItemId

MOST_REASONS = 3
"An item names at most this many items it was shown because of, strongest first."


@dataclass(frozen=True, slots=True)
class Candidate:
    """One item that could be shown, with where it came from."""

    item_id: ItemId
    score: float
    source: str
    because: tuple[ItemId, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """One of the user's last events, as far as it counts."""

    item_id: ItemId
    weight: float
    timestamp: datetime


def online_candidates(
    signals: Sequence[Signal], similar: Mapping[ItemId, ScoredItems], *, half_life: timedelta, repeats: bool = False
) -> Iterator[Candidate]:
    """Neighbours of the signals' items, best first; equal scores in the order of their ids.

    ``repeats``: the signals' own items may be among them, as neighbours of each other.
    """
    if not signals:
        return
    newest = max(signal.timestamp for signal in signals)
    heard = [
        (signal.item_id, signal.weight * 0.5 ** ((newest - signal.timestamp) / half_life), similar[signal.item_id])
        for signal in signals
        if signal.item_id in similar
    ]
    scores: dict[ItemId, float] = {}
    for _, count, neighbours in heard:
        for item_id, similarity in zip(neighbours.item_ids, neighbours.scores, strict=True):
            scores[item_id] = scores.get(item_id, 0.0) + count * similarity
    if not repeats:
        for signal in signals:
            scores.pop(signal.item_id, None)
    best = [(-score, item_id) for item_id, score in scores.items()]
    heapify(best)
    while best:
        score, item_id = heappop(best)
        yield Candidate(item_id, -score, "similar", _reasons(item_id, heard))


def offline_candidates(slate: Slate) -> Iterator[Candidate]:
    """The ranked slate, in its order."""
    return starmap(Candidate, slate.rows)


def popular_candidates(popular: ScoredItems) -> Iterator[Candidate]:
    """The popular items, in their order."""
    return (
        Candidate(item_id, score, "popular") for item_id, score in zip(popular.item_ids, popular.scores, strict=True)
    )


def blend(
    mode: Mode,
    *,
    online: Iterable[Candidate],
    offline: Iterable[Candidate],
    popular: Iterable[Candidate],
    may_be_shown: Callable[[ItemId], bool],
    k: int,
) -> list[Candidate]:
    """The first ``k`` candidates by the rule above, or all there are; the catalogue follows with ``fill``."""
    seen: set[ItemId] = set()

    def fresh(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        for candidate in candidates:
            if candidate.item_id not in seen:
                seen.add(candidate.item_id)
                yield candidate

    lists = {"blended": (online, offline), "offline": (offline,), "online": (online,)}[mode]
    shown: list[Candidate] = []
    for candidate in chain(_in_turns([fresh(candidates) for candidates in lists]), fresh(popular)):
        if len(shown) == k:
            break
        if may_be_shown(candidate.item_id):
            shown.append(candidate)
    return shown


def fill(shown: Sequence[Candidate], catalogue: Iterable[ItemId], *, k: int) -> list[Candidate]:
    """``shown``, and then items of the catalogue until there are ``k``; each with source catalogue and score 0."""
    taken = {candidate.item_id for candidate in shown}
    more = (Candidate(item_id, 0.0, "catalogue") for item_id in dict.fromkeys(catalogue) if item_id not in taken)
    return [*shown, *(candidate for candidate, _ in zip(more, range(k - len(shown)), strict=False))]


def _in_turns(lists: Sequence[Iterator[Candidate]]) -> Iterator[Candidate]:
    """One of each, again and again; where one ends, the others go on."""
    waiting = list(lists)
    while waiting:
        for candidates in tuple(waiting):
            candidate = next(candidates, None)
            if candidate is None:
                waiting.remove(candidates)
            else:
                yield candidate


def _reasons(item_id: ItemId, heard: Sequence[tuple[ItemId, float, ScoredItems]]) -> tuple[ItemId, ...]:
    """Items of the events that brought this one, strongest first; equal ones in the order of their ids."""
    shares: dict[ItemId, float] = {}
    for reason, count, neighbours in heard:
        if item_id in neighbours.item_ids:
            share = count * neighbours.scores[neighbours.item_ids.index(item_id)]
            shares[reason] = shares.get(reason, 0.0) + share
    return tuple(sorted(shares, key=lambda reason: (-shares[reason], reason))[:MOST_REASONS])
