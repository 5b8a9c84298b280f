"""How far two samples of one thing lie from each other, beyond what chance alone would give.

Two samples of one distribution differ too, the more the smaller they are. What chance exceeds once in a thousand is
taken away, so that one bound fits small and large samples.

Sources: Yurdakul and Naranjo, "Statistical properties of the population stability index", Journal of Risk Model
Validation 14(4), 2020; Smirnov, Ann. Math. Statist. 19(2), 1948.
"""

from typing import Final

import numpy as np
import polars as pl
from scipy.stats import chi2

from recsys.evaluation.bootstrap import Floats
from recsys.types import Frozen

BINS: Final = 10
LARGEST: Final = 20
"""Values of a categorical feature that are looked at one by one; the others are one."""
CHANCE: Final = 0.001
SMIRNOV: Final = 1.95
"""What √(nm / (n + m)) times the distance exceeds with that chance."""
HALF: Final = 0.5
"""Added to every count: a bin that is empty on one side is no infinite change."""


class Change(Frozen):
    """How far a sample lies from another."""

    psi: float
    "Population stability index: Σ (q − p) ln(q / p) over bins; 0 where the shares are the same."
    ks: float
    "Largest difference of the two cumulative shares, in [0, 1]; of a categorical feature: half of Σ |q − p|."


def change(reference: pl.Series, current: pl.Series) -> Change:
    """From the one to the other, beyond chance; both must have values.

    Numbers are cut at the deciles of the reference, text by value; missing ones are a bin of their own.
    """
    if reference.dtype.is_numeric():
        edges = _deciles(_numbers(reference))
        before, now = (binned(_numbers(each), edges) for each in (reference, current))
        distance = _distance(_numbers(reference), _numbers(current))
    else:
        before, now = _by_value(reference.cast(pl.String), current.cast(pl.String))
        distance = shift(before, now)
    return _beyond_chance(before, now, distance)


def change_of_counts(reference: Floats, current: Floats) -> Change:
    """The same from counts in bins, as ``binned`` gives them: both in the same bins, and both of some value."""
    known = [each[:-1] for each in (reference, current)]
    if not all(each.sum() for each in known):
        return _beyond_chance(reference, current, 0.0)
    before, now = (np.cumsum(each) / each.sum() for each in known)
    return _beyond_chance(reference, current, float(np.abs(before - now).max()))


def edges_of(values: Floats) -> Floats:
    """Where bins end: the deciles of what is there, below the least of it and at the most; none where nothing is."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(0)
    return np.unique([np.nextafter(known.min(), -np.inf), *_deciles(known), known.max()])


def binned(values: Floats, edges: Floats) -> Floats:
    """How many values lie in each bin, up to each edge and beyond the last; at the end, how many are missing."""
    missing = np.isnan(values)
    counts = np.bincount(np.searchsorted(edges, values[~missing], side="left"), minlength=len(edges) + 1)
    return np.append(counts, missing.sum()).astype(np.float64)


def shift(reference: Floats, current: Floats) -> float:
    """Share of the current counts that would have to be elsewhere, for the shares to be the reference's; in [0, 1]."""
    return 0.5 * float(np.abs(reference / reference.sum() - current / current.sum()).sum())


def _beyond_chance(reference: Floats, current: Floats, distance: float) -> Change:
    n, m = float(reference.sum()), float(current.sum())
    by_chance = (1 / n + 1 / m) * float(chi2.isf(CHANCE, max(1, len(reference) - 1)))
    return Change(
        psi=max(0.0, _psi(reference, current) - by_chance),
        ks=max(0.0, distance - SMIRNOV * float(np.sqrt((n + m) / (n * m)))),
    )


def _psi(reference: Floats, current: Floats) -> float:
    p, q = ((counts + HALF) / (counts + HALF).sum() for counts in (reference, current))
    return float(((q - p) * np.log(q / p)).sum())


def _distance(reference: Floats, current: Floats) -> float:
    """Kolmogorov and Smirnov's, of the values that are there; 0 where a side has none."""
    known = [np.sort(values[~np.isnan(values)]) for values in (reference, current)]
    if not all(len(values) for values in known):
        return 0.0
    at = np.concatenate(known)
    below = [np.searchsorted(values, at, side="right") / len(values) for values in known]
    return float(np.abs(below[0] - below[1]).max())


def _numbers(series: pl.Series) -> Floats:
    """NaN where missing."""
    return series.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _deciles(values: Floats) -> Floats:
    known = values[~np.isnan(values)]
    return np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.zeros(0)


def _by_value(reference: pl.Series, current: pl.Series) -> list[Floats]:
    counts = [dict(each.value_counts().iter_rows()) for each in (reference, current)]
    often = {value: max(each.get(value, 0) for each in counts) for value in counts[0].keys() | counts[1].keys()}
    first = sorted(often, key=lambda value: (-often[value], str(value)))[:LARGEST]
    looked_at = [[each.get(value, 0) for value in first] for each in counts]
    return [
        np.array([*numbers, sum(each.values()) - sum(numbers)], np.float64)
        for each, numbers in zip(counts, looked_at, strict=True)
    ]
