"""How one slate is made of what was computed offline and what the user did a second ago. Pure: no I/O, no clock.

The rule:

1. *Online* items are the neighbours of the user's last events. An event counts ``weight of its type × 0.5 ^ (how much
   older it is than the newest ÷ half-life)``; a neighbour's score is the sum over the events of ``count × similarity``.
   The items of the events themselves are not among them.
2. ``blended`` takes online, offline, online, offline, …; where one list ends, the other goes on. ``offline`` takes only
   the ranked slate, ``online`` only the online items.
3. Where that is not enough: popular items, then the rest of the catalogue by popularity.
4. Nothing twice, nothing that may not be shown. So the answer has ``k`` items whenever that many may be shown.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
    signals: Sequence[Signal], similar: Mapping[ItemId, ScoredItems], *, half_life: timedelta
) -> list[Candidate]:
    """Neighbours of the signals' items, best first; equal scores in the order of their ids."""
    if not signals:
        return []
    newest = max(signal.timestamp for signal in signals)
    done = {signal.item_id for signal in signals}
    parts: defaultdict[ItemId, defaultdict[ItemId, float]] = defaultdict(lambda: defaultdict(float))
    for signal in signals:
        neighbours = similar.get(signal.item_id, ScoredItems())
        count = signal.weight * 0.5 ** ((newest - signal.timestamp) / half_life)
        for item_id, similarity in zip(neighbours.item_ids, neighbours.scores, strict=True):
            if item_id not in done:
                parts[item_id][signal.item_id] += count * similarity
    found = [
        Candidate(item_id, sum(shares.values()), "similar", _strongest(shares)) for item_id, shares in parts.items()
    ]
    return sorted(found, key=lambda candidate: (-candidate.score, candidate.item_id))


def offline_candidates(slate: Slate) -> Iterator[Candidate]:
    """The ranked slate, in its order; unpacked as far as it is read."""
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
    first: Iterable[Candidate] = {
        "blended": lambda: _take_turns(online, offline),
        "offline": lambda: iter(offline),
        "online": lambda: iter(online),
    }[mode]()
    shown: dict[ItemId, Candidate] = {}
    for candidate in chain(first, popular):
        if len(shown) == k:
            break
        if candidate.item_id not in shown and may_be_shown(candidate.item_id):
            shown[candidate.item_id] = candidate
    return list(shown.values())


def fill(shown: Sequence[Candidate], catalogue: Iterable[ItemId], *, k: int) -> list[Candidate]:
    """``shown``, and then items of the catalogue until there are ``k``; each with source catalogue and score 0."""
    taken = {candidate.item_id for candidate in shown}
    more = (Candidate(item_id, 0.0, "catalogue") for item_id in dict.fromkeys(catalogue) if item_id not in taken)
    return [*shown, *(candidate for candidate, _ in zip(more, range(k - len(shown)), strict=False))]


def _take_turns(online: Iterable[Candidate], offline: Iterable[Candidate]) -> Iterator[Candidate]:
    """Online first, in turns; an item that stands in both lists uses up one turn only."""
    taken: set[ItemId] = set()
    queues = [iter(online), iter(offline)]
    while queues:
        for queue in list(queues):
            candidate = next((c for c in queue if c.item_id not in taken), None)
            if candidate is None:
                queues.remove(queue)
            else:
                taken.add(candidate.item_id)
                yield candidate


def _strongest(shares: Mapping[ItemId, float]) -> tuple[ItemId, ...]:
    return tuple(sorted(shares, key=lambda item_id: (-shares[item_id], item_id))[:MOST_REASONS])
