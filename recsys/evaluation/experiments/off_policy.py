"""What another policy would have earned, from what one policy logged: before anybody sees it.

Every logged action is weighted by how much likelier the other policy would have taken it. That is right on average, and
noisy where the two differ much: the effective sample says how much is left of the log.

Sources: Horvitz and Thompson, JASA 47, 1952 (IPS); Swaminathan and Joachims, "The Self-Normalized Estimator for
Counterfactual Learning", NeurIPS 2015 (SNIPS); Dudík, Langford and Li, "Doubly Robust Policy Evaluation and Learning",
ICML 2011 (DR).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from recsys.errors import DataError
from recsys.evaluation.bootstrap import Interval, Resampled
from recsys.evaluation.experiments.moments import Floats, Ints
from recsys.types import Frozen

CLIP: Final = 100.0
"""Largest weight: a little bias for much less noise."""


@dataclass(frozen=True)
class Logged:
    """Rounds of one policy; all float64 of shape (rounds,)."""

    reward: Floats
    propensity: Floats
    "How likely the logging policy was to take the action it took; in (0, 1]."
    target: Floats
    "How likely the other policy is to take it; in [0, 1]."
    unit: Ints
    "Who saw it: rounds of one user are not independent, and are resampled together."


@dataclass(frozen=True)
class RewardModel:
    """What rewards are expected, by a model that has not seen the round."""

    of_action: Floats
    "For the action that was taken, shape (rounds,)."
    of_target: Floats
    "Mean over the other policy's actions, shape (rounds,)."


class Estimate(Frozen):
    """Mean reward per round of the other policy."""

    interval: Interval | None
    "95 %, by bootstrap over units; None where a resample has no weight at all."
    effective: float
    "(Σ w)² / Σ w²: how many rounds of its own the log is worth to the other policy."
    clipped: float
    "Share of the rounds whose weight was cut."


def off_policy(
    logged: Logged, model: RewardModel | None = None, *, clip: float = CLIP, rng: np.random.Generator
) -> dict[str, Estimate]:
    """Estimates by name: ``ips``, ``snips``, and with a model ``dr``.

    What the target policy does where the logging policy never did is missing, and no estimate shows that it is.

    Raises:
        DataError: propensities outside (0, 1], or no round.
    """
    if not len(logged.reward) or not ((logged.propensity > 0) & (logged.propensity <= 1)).all():
        raise DataError(
            f"found {len(logged.reward)} rounds, propensities from {logged.propensity.min(initial=1):g} to "
            f"{logged.propensity.max(initial=0):g}; expected at least one round and propensities in (0, 1]; "
            "log how likely each action was"
        )
    whole = logged.target / logged.propensity
    weight = np.minimum(whole, clip)
    effective = float(weight.sum() ** 2 / np.maximum(np.square(weight).sum(), np.finfo(float).tiny))
    clipped = float((whole > clip).mean())
    rounds = np.ones(len(weight))
    parts = {"ips": (weight * logged.reward, rounds), "snips": (weight * logged.reward, weight)}
    if model is not None:
        parts["dr"] = (model.of_target + weight * (logged.reward - model.of_action), rounds)
    return {
        name: Estimate(interval=_mean(earned, over, logged.unit, rng), effective=effective, clipped=clipped)
        for name, (earned, over) in parts.items()
    }


def _mean(earned: Floats, over: Floats, unit: Ints, rng: np.random.Generator) -> Interval | None:
    """Sum over sum, with the percentile interval over draws of the units."""
    number = np.unique(unit, return_inverse=True)[1]
    by_unit: Floats = np.stack([np.bincount(number, weights=each) for each in (earned, over)], axis=1)
    more = Resampled(by_unit, rng=rng).lift(0, 1)
    return None if more is None else Interval(mean=more.mean + 1, low=more.low + 1, high=more.high + 1)
