"""How one slate is made of what was computed offline and what the user did a second ago. Pure: no I/O, no clock.

The rule:

1. *Online* items are the neighbours of the user's last events. An event counts ``weight of its type × 0.5 ^ (how much
   older it is than the newest ÷ half-life)``; a neighbour's score is the sum over the events of ``count × similarity``.
   The items of the events themselves are not among them, except in a session where the site allows it.
2. ``blended`` takes online, offline (the ranked slate) and popular items in proportion to the site's weights: the n-th
   item of a part is due at ``(n - ½) ÷ weight``, and what is due first stands first; at equal times online goes before
   offline, offline before popular. Where a part ends, the others go on; a part of weight 0 waits until those with a
   weight have ended. ``offline`` takes the ranked slate and ``online`` the online items, each followed by popular ones.
3. Where that is not enough: the rest of the catalogue by popularity.
4. Nothing twice, nothing that may not be shown; neither uses up a place. So the answer has ``k`` items whenever that
   many may be shown, and the first ``k`` are the same whatever ``k`` is.

Source of the proportion: the method of Sainte-Laguë, which favours neither large nor small weights.

A candidate is a plain tuple, and each list is read only as far as its items are shown: this runs for every answer.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from math import inf
from typing import Final, NamedTuple, TypeAlias

from recsys.serving.reading import ScoredItems, SlateRow
from recsys.types import ItemId

Candidate: TypeAlias = SlateRow
"""One item that could be shown: its id, score, source, and the items because of which."""
MOST_REASONS: Final = 3
"""An item names at most this many items it was shown because of, strongest first."""


class Signal(NamedTuple):
    """One of the user's last events, as far as it counts."""

    item_id: ItemId
    weight: float
    timestamp: float
    "Seconds since 1970, UTC."


def online_candidates(
    signals: Sequence[Signal], similar: Mapping[ItemId, ScoredItems], *, half_life: float, repeats: bool = False
) -> Iterator[Candidate]:
    """Neighbours of the signals' items, best first; equal scores in the order of their ids.

    ``half_life`` is in seconds; ``repeats``: the signals' own items may be among them, as neighbours of each other.
    """
    if not signals:
        return
    newest = max([signal.timestamp for signal in signals])
    heard = [
        (item_id, weight * 0.5 ** ((newest - timestamp) / half_life), similar[item_id].score_of)
        for item_id, weight, timestamp in signals
        if item_id in similar
    ]
    scores: dict[ItemId, float] = {}
    score_so_far = scores.get
    for _, count, neighbours in heard:
        for item_id, similarity in neighbours.items():
            scores[item_id] = score_so_far(item_id, 0.0) + count * similarity
    if not repeats:
        for item_id, _, _ in signals:
            scores.pop(item_id, None)
    best_first = sorted(scores, key=scores.__getitem__, reverse=True)
    place, last = 0, len(best_first)
    while place < last:
        score, start = scores[best_first[place]], place
        while place < last and scores[best_first[place]] == score:
            place += 1
        for item_id in sorted(best_first[start:place]):
            yield item_id, score, "similar", _reasons(item_id, heard)


def popular_candidates(popular: ScoredItems) -> Iterator[Candidate]:
    """The popular items, in their order."""
    for item_id, score in zip(popular.item_ids, popular.scores, strict=True):
        yield item_id, score, "popular", ()


def blend(
    parts: Sequence[tuple[float, Iterable[Candidate]]], *, may_be_shown: Callable[[ItemId], bool], k: int
) -> list[Candidate]:
    """The first ``k`` candidates of the weighted parts by the rule above, or all there are."""
    weights = [weight for weight, _ in parts]
    lists = [iter(candidates) for _, candidates in parts]
    given = [0] * len(parts)
    seen: set[ItemId] = set()
    chosen: list[Candidate] = []
    while lists and len(chosen) < k:
        turns = _turns(tuple(weights), k)
        done = sum(given)  # those of the lists that go on came in just this order
        for at in turns[done : done + k - len(chosen)]:
            for candidate in lists[at]:
                item_id = candidate[0]
                if item_id in seen:
                    continue
                seen.add(item_id)
                if may_be_shown(item_id):
                    chosen.append(candidate)
                    given[at] += 1
                    break
            else:
                del weights[at], lists[at], given[at]
                break
    return chosen


def fill(chosen: Sequence[Candidate], catalogue: Iterable[ItemId], *, k: int) -> list[Candidate]:
    """``chosen``, and then items of the catalogue until there are ``k``; each with source catalogue and score 0."""
    taken = {candidate[0] for candidate in chosen}
    more: Iterator[Candidate] = (
        (item_id, 0.0, "catalogue", ()) for item_id in dict.fromkeys(catalogue) if item_id not in taken
    )
    return [*chosen, *islice(more, k - len(chosen))]


@lru_cache
def _turns(weights: tuple[float, ...], places: int) -> tuple[int, ...]:
    """Which of the parts gives each of the first places, while none ends."""
    due = [
        ((place - 0.5) / weight if weight else inf, at)
        for at, weight in enumerate(weights)
        for place in range(1, places + 1)
    ]
    return tuple(at for _, at in sorted(due)[:places])


def _reasons(item_id: ItemId, heard: Sequence[tuple[ItemId, float, Mapping[ItemId, float]]]) -> tuple[ItemId, ...]:
    """Items of the events that brought this one, strongest first; equal ones in the order of their ids."""
    shares: dict[ItemId, float] = {}
    for reason, count, neighbours in heard:
        if item_id in neighbours:
            shares[reason] = shares.get(reason, 0.0) + count * neighbours[item_id]
    if len(shares) == 1:
        return tuple(shares)
    return tuple(sorted(shares, key=lambda reason: (-shares[reason], reason))[:MOST_REASONS])
