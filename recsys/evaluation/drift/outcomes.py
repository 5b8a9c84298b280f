"""What was predicted, beside what then happened: gain over the base rate, calibration, AUC, each with its interval.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 8 (groups are drawn, not rows).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.evaluation.bootstrap import Floats, Interval
from recsys.types import Frozen

RESAMPLES: Final = 300

Labels = NDArray[np.bool_]


class Outcome(Frozen):
    """Of rows that nothing was learned from. Intervals hold with 95 %; None: there were successes alone, or none."""

    rows: int
    log_loss: float
    "Mean of −log of the probability of what happened, in nats."
    base_rate_log_loss: float
    "The same of one who always says the share of successes that was known when the model was judged."
    gain: Interval
    "How much lower the model's is, as a share of the base rate's; at most 1, negative where it is higher."
    calibration: Interval | None
    "Successes over what the probabilities add up to: 1 where they hold, more where they are too low."
    auc: Interval | None

    @property
    def intervals(self) -> dict[str, Interval]:
        """Those that are known, by name."""
        found = {"gain": self.gain, "calibration": self.calibration, "auc": self.auc}
        return {name: each for name, each in found.items() if each is not None}


def outcome(
    labels: Labels,
    said: Floats,
    losses: Floats,
    base_losses: Floats,
    groups: NDArray[np.int64],
    *,
    rng: np.random.Generator,
) -> Outcome:
    """How probabilities turned out, of at least one row.

    Args:
        labels: what became of each row.
        said: its probability.
        losses: its log-loss.
        base_losses: that of the base rate.
        groups: rows of one group, such as a user, are not independent.
        rng: draws the groups.
    """
    draws = _draws(groups, rng)
    place = np.unique(said, return_inverse=True)[1]
    both = bool(labels.any() and not labels.all())
    gains = [1 - float(drawn @ losses) / float(drawn @ base_losses) for drawn in draws]
    return Outcome(
        rows=len(labels),
        log_loss=float(losses.mean()),
        base_rate_log_loss=float(base_losses.mean()),
        gain=_interval(gains),
        calibration=_interval([float(drawn @ labels) / float(drawn @ said) for drawn in draws]) if both else None,
        auc=_interval([_weighted_auc(labels, place, drawn) for drawn in draws]) if both else None,
    )


def mean(values: Floats, groups: NDArray[np.int64], *, rng: np.random.Generator) -> Interval:
    """The mean of at least one value; arguments as of ``outcome``."""
    return _interval([float(drawn @ values) / float(drawn.sum()) for drawn in _draws(groups, rng)])


def auc(labels: Labels, said: Floats) -> float | None:
    """How often a success has the higher probability, of pairs with a failure; ties count half. None without both."""
    if not labels.any() or labels.all():
        return None
    return _weighted_auc(labels, np.unique(said, return_inverse=True)[1], np.ones(len(labels)))


def _draws(groups: NDArray[np.int64], rng: np.random.Generator) -> list[Floats]:
    """How often each row counts: first once, then as often as its group was drawn."""
    _, group = np.unique(groups, return_inverse=True)
    count = int(group.max()) + 1
    drawn = (np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(RESAMPLES))
    return [np.ones(len(group)), *(times[group].astype(np.float64) for times in drawn)]


def _weighted_auc(labels: Labels, place: NDArray[np.int64], weights: Floats) -> float:
    """``place``: the rank of each row's probability, from 0, equal ones alike. NaN where weights leave but one kind."""
    successes = np.bincount(place, weights * labels)
    failures = np.bincount(place, weights * ~labels)
    pairs = successes.sum() * failures.sum()
    return float(successes @ (np.cumsum(failures) - failures / 2) / pairs) if pairs else float("nan")


def _interval(values: list[float]) -> Interval:
    """The first is what was seen, the others are draws."""
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return Interval(mean=values[0], low=float(low), high=float(high))
