"""How much higher a ratio is in one arm than in another, and how sure that is: users as units, delta method, CUPED.

Sources: Deng, Knoblich and Lu, "Applying the Delta Method in Metric Analytics", KDD 2018; Deng, Xu, Kohavi and Walker,
"Improving the Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment Data" (CUPED), WSDM 2013.
"""

from dataclasses import dataclass

import numpy as np

from recsys.evaluation.experiments.moments import Floats, Moments


@dataclass(frozen=True)
class Ratio:
    """Sum of numerators over sum of denominators of an arm, with its standard error; NaN where it is not known yet."""

    value: Floats
    error: Floats
    users: Floats


@dataclass(frozen=True)
class LogLift:
    """log(challenger / control) with its standard error; NaN where a ratio is not positive, or its error not known.

    In logarithms a lift of one metric is comparable with that of any other, its distribution is closer to the normal,
    and its interval never falls below −100 %.
    """

    value: Floats
    error: Floats


def ratio(arm: Moments) -> Ratio:
    """Of each look.

    The error is the standard deviation of the influence values (n − r·d) / mean(d) of users, over √users.
    """
    return _ratio(arm, 0.0, 0.0)


def log_lift(control: Moments, challenger: Moments, *, adjusted: bool = True) -> LogLift:
    """Of each look; shapes as those of the moments.

    Each arm is given one more user, who did the pooled ratio of a typical amount: an arm in which nothing happened yet
    can be compared, with an error that is as large as its ignorance, and few users are drawn towards "no difference".

    Args:
        control: its moments.
        challenger: its moments.
        adjusted: what differed between the arms before the experiment is taken away (CUPED); without a covariate
            nothing is.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        slope, center = _slope(control, challenger) if adjusted else (0.0, 0.0)
        amount = (control.nn + challenger.nn) / (control.n + challenger.n)
        pooled = (control.n + challenger.n) / (control.d + challenger.d)
        arms = [_ratio(_with_one_more(arm, amount, amount / pooled), slope, center) for arm in (control, challenger)]
        logs = [np.log(np.where(arm.value > 0, arm.value, np.nan)) for arm in arms]
        relative = [arm.error / np.where(arm.value > 0, arm.value, np.nan) for arm in arms]
        error = np.hypot(*relative)
    return LogLift(logs[1] - logs[0], np.where(error > 0, error, np.nan))


def _ratio(arm: Moments, slope: Floats | float, center: Floats | float) -> Ratio:
    with np.errstate(divide="ignore", invalid="ignore"):
        users = np.where(arm.users >= 2, arm.users, np.nan)
        d, r = arm.d / users, arm.n / arm.d
        mean_x = arm.x / users
        influence = (arm.nn - 2 * r * arm.nd + r**2 * arm.dd) / users / d**2
        variance = influence - 2 * slope * _with_covariate(arm, r) + slope**2 * (arm.xx / users - mean_x**2)
        error = np.sqrt(np.maximum(variance, 0.0) / (users - 1))
    return Ratio(r - slope * (mean_x - center), error, arm.users)


def _with_one_more(arm: Moments, n: Floats, d: Floats) -> Moments:
    """The arm and a user with this numerator and denominator, of whom before no more is known than the mean."""
    x = arm.x / arm.users
    return Moments(
        users=arm.users + 1,
        n=arm.n + n,
        d=arm.d + d,
        nn=arm.nn + n**2,
        nd=arm.nd + n * d,
        dd=arm.dd + d**2,
        x=arm.x + x,
        xx=arm.xx + x**2,
        xn=arm.xn + x * n,
        xd=arm.xd + x * d,
    )


def _with_covariate(arm: Moments, r: Floats) -> Floats:
    """Covariance of the influence values with the covariate."""
    return np.asarray((arm.xn - r * arm.xd) / arm.d, np.float64)


def _slope(control: Moments, challenger: Moments) -> tuple[Floats, Floats]:
    """The slope of the influence values on the covariate, and the covariate's mean, over both arms."""
    arms = (control, challenger)
    users = control.users + challenger.users
    covariance = sum(arm.users * _with_covariate(arm, arm.n / arm.d) for arm in arms)
    variance = sum(arm.xx - arm.x**2 / arm.users for arm in arms)
    slope = np.where(variance > 0, covariance / variance, 0.0)
    return np.nan_to_num(slope), np.nan_to_num((control.x + challenger.x) / users)
