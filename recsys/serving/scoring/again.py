"""What a user did after the release was made, told again as training would have heard it at ``as_of``.

Three kinds of features change with a few events more, and are computed as they are in training: encounters and
tastes, which are sums and counts, and the evidence of the generator of similar items, whose score of a candidate is the
sum over the user's items of weight × similarity. Everything else is what it was at ``as_of``.

An event counts as one of the moment ``as_of``. The rank among all of the generator's items is exact as far as these are
among the user's candidates that travel with the release; where they are not, it is that of the nearest one that is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys import columns as c
from recsys.serving.scoring.form import Form, Neighbourhood
from recsys.serving.scoring.rows import Known, Numbers, User, Values, or_zero


class Heard(NamedTuple):
    """One event."""

    item: int
    "Its number."
    category: int
    weight: float
    neighbours: Numbers
    "Numbers of items that are similar, known ones only."
    similarities: NDArray[np.float64]


@dataclass(frozen=True)
class _Sums:
    """What several events with one key add up to."""

    keys: Numbers
    events: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, keys: Sequence[int] | Numbers, weights: Sequence[float] | NDArray[np.float64]) -> "_Sums":
        distinct, place = np.unique(np.asarray(keys, dtype=np.int64), return_inverse=True)
        sums = np.bincount(place, np.asarray(weights, dtype=np.float64))
        return cls(distinct, np.bincount(place).astype(np.float64), sums.astype(np.float64))


def after(form: Form, user: User, heard: Sequence[Heard]) -> User:
    """The user as known after these events as well."""
    if not heard:
        return user
    weights = [event.weight for event in heard]
    by_item = _Sums.of([event.item for event in heard], weights)
    known = replace(
        user,
        encounters=_encountered(form, user.encounters, by_item),
        tastes=_tasted(form, user, _Sums.of([event.category for event in heard], weights)),
    )
    if form.neighbourhood is None:
        return known
    return replace(known, evidence=_testified(form, form.neighbourhood, user, heard))


def _encountered(form: Form, encounters: Known, added: _Sums) -> Known:
    keys, values = _grown(encounters, added.keys)
    at = np.searchsorted(keys, added.keys)
    for name, more in ((c.PAIR_EVENTS, added.events), (c.PAIR_WEIGHT, added.weights)):
        if name in form.encounters:
            column = form.encounters.index(name)
            values[at, column] = or_zero(values[at, column]) + more
    if c.PAIR_DAYS_SINCE_LAST in form.encounters:
        values[at, form.encounters.index(c.PAIR_DAYS_SINCE_LAST)] = 0.0
    return Known(keys, values)


def _tasted(form: Form, user: User, added: _Sums) -> Known:
    of_category = added.keys > 0
    keys, values = _grown(user.tastes, added.keys[of_category])
    at = np.searchsorted(keys, added.keys[of_category])
    if c.CATEGORY_AFFINITY in form.tastes:
        column, before = form.tastes.index(c.CATEGORY_AFFINITY), user.facts[form.users.index(c.WEIGHT)]
        total = before + added.weights.sum()
        values[:, column] *= before / total
        values[at, column] = or_zero(values[at, column]) + added.weights[of_category] / total
    if c.CATEGORY_DAYS_SINCE_LAST in form.tastes:
        values[at, form.tastes.index(c.CATEGORY_DAYS_SINCE_LAST)] = 0.0
    return Known(keys, values)


def _testified(form: Form, near: Neighbourhood, user: User, heard: Sequence[Heard]) -> Known:
    """The evidence with the generator's score, share and rank as they are after these events."""
    added = _added(form, near, user, heard)
    keys, values = _grown(user.evidence, added.keys)
    score, share, rank = (
        form.evidence.index(of(near.source)) for of in (c.source_score, c.source_share, c.source_rank)
    )
    more = np.zeros(len(keys))
    more[np.searchsorted(keys, added.keys)] = added.weights
    scores = or_zero(values[:, score].astype(np.float64)) + more
    with np.errstate(divide="ignore", invalid="ignore"):
        best_before = np.nanmax(values[:, score] / values[:, share], initial=0.0)
    ranks = _ranks(scores, values[:, score], values[:, rank], more > 0)
    said = ranks <= near.depth
    proposed = ~np.isnan(values[:, rank])
    best = max(best_before, scores.max(initial=0.0))
    values[:, score] = np.where(said, scores, np.nan)
    values[:, share] = np.where(said & (best > 0), scores / (best or 1.0), np.nan)
    values[:, rank] = np.where(said, ranks, np.nan)
    if c.N_SOURCES in form.evidence:
        column = form.evidence.index(c.N_SOURCES)
        values[:, column] = or_zero(values[:, column]) + said.astype(np.float32) - proposed
    return Known(keys, values)


def _added(form: Form, near: Neighbourhood, user: User, heard: Sequence[Heard]) -> _Sums:
    """What each candidate's score grows by: an item counts as its heaviest event, as far as that is new."""
    column = form.encounters.index(c.WEIGHT)
    heaviest = {event.item: event for event in sorted(heard, key=lambda event: event.weight)}
    before = or_zero(user.encounters.at(np.array([*heaviest], dtype=np.int64))[:, column])
    grown = [max(0.0, event.weight / near.unit - old) for event, old in zip(heaviest.values(), before, strict=True)]
    candidates = np.concatenate([event.neighbours for event in heaviest.values()])
    scores = np.concatenate([gain * event.similarities for event, gain in zip(heaviest.values(), grown, strict=True)])
    return _Sums.of(candidates[scores > 0], scores[scores > 0])


def _ranks(
    scores: NDArray[np.float64], before: Values, ranks: Values, changed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Ranks by the new scores; infinite for what has none.

    Args:
        scores: after the events.
        before: scores before them; NaN for what was not among the generator's.
        ranks: the same for ranks.
        changed: those that are other than before.
    """
    found = np.where(np.isnan(ranks), np.inf, ranks).astype(np.float64)
    moved, stayed = np.flatnonzero(changed), np.flatnonzero(~changed & ~np.isnan(ranks))
    now, then = scores[moved], np.where(np.isnan(ranks[moved]), np.inf, ranks[moved])
    risen = (now > scores[stayed][:, None]).sum(axis=1) - (then < ranks[stayed][:, None]).sum(axis=1)
    order = stayed[np.argsort(-before[stayed], kind="stable")]
    above = np.searchsorted(-before[order], -now, side="left")
    last = np.concatenate([[0.0], np.maximum.accumulate(ranks[order])])[above]
    left = (then[None, :] < last[:, None]).sum(axis=1)
    found[stayed] += risen
    found[moved] = 1 + last - left + (now[None, :] > now[:, None]).sum(axis=1)
    return found


def _grown(known: Known, more: Numbers) -> tuple[Numbers, Values]:
    """The keys with ``more``, sorted, and a copy of their values; NaN for new ones."""
    keys = np.union1d(known.keys.astype(np.int64), more)
    return keys, known.at(keys)
