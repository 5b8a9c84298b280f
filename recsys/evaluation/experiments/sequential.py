"""Inference that stays valid however often one looks, and whatever one does about what one sees.

A normal mixture: the effect is averaged over N(0, τ²), which makes the likelihood ratio against "no effect" a
martingale. Its inverse is the always-valid p-value of the mixture sequential probability ratio test (mSPRT); the
effects that it does not reject make a confidence sequence. For means of users of any distribution the guarantee is
asymptotic: it holds once there are enough users for the central limit theorem.

Sources: Robbins, Ann. Math. Statist. 41(5), 1970; Johari, Koomen, Pekelis and Walsh, "Always Valid Inference",
Operations Research 70(3), 2022; Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and
asymptotic confidence sequences", Ann. Statist. 52(6), 2024.
"""

import numpy as np

from recsys.evaluation.experiments.lift import LogLift
from recsys.evaluation.experiments.moments import Floats


def radius(error: Floats, *, tau: float, alpha: float) -> Floats:
    """Half the width of the two-sided confidence sequence at level 1 − alpha.

    Each side alone is missed with a chance of at most alpha / 2.

    Args:
        error: standard errors; NaN: the radius is infinite.
        tau: standard deviation of the effects that are expected; the sequence is narrowest for effects of this size.
        alpha: chance that the sequence ever leaves the truth out.
    """
    spread = tau**2 / error**2
    width = error * np.sqrt((1 + spread) / spread * (np.log1p(spread) - 2 * np.log(alpha)))
    return np.where(np.isnan(width), np.inf, width)


def p_values(estimate: Floats, error: Floats, *, tau: float) -> Floats:
    """The always-valid p-value at each look, on the last axis: it never rises, and may be read at any look."""
    spread = tau**2 / error**2
    log_ratio = 0.5 * (estimate / error) ** 2 * spread / (1 + spread) - 0.5 * np.log1p(spread)
    return np.exp(-np.maximum.accumulate(np.maximum(0.0, np.nan_to_num(log_ratio)), axis=-1))


def lift_interval(lift: LogLift, *, expected: float, alpha: float) -> tuple[Floats, Floats]:
    """Lower and upper end of the lift, as fractions: −1 and infinity while nothing is known.

    Args:
        lift: of each look.
        expected: the lift for which the interval is narrowest, as a fraction.
        alpha: chance that the interval ever leaves the truth out, at any look; half on each side.
    """
    width = radius(lift.error, tau=float(np.log1p(expected)), alpha=alpha)
    value = np.nan_to_num(lift.value)
    with np.errstate(over="ignore"):
        return np.expm1(value - width), np.expm1(value + width)
