"""Are users split as declared? A sample ratio mismatch means that something loses users of one arm: no figure can be
trusted then.

Source of the sequential test: Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS 2022.
"""  # noqa: D205

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import gammaln, xlogy
from scipy.stats import chisquare

from recsys.evaluation.experiments.moments import Floats

CONCENTRATION: Final = 1000.0
"""Of the Dirichlet mixture around the declared shares: sharpest for shares about 3 % off."""


def chi_square(users: Sequence[float], shares: Sequence[float]) -> float:
    """p-value of the declared shares, for one look; looked at often it is too small."""
    return float(chisquare(users, np.sum(users) * np.asarray(shares)).pvalue)


def split_p_values(users: Floats, shares: Sequence[float]) -> Floats:
    """The always-valid p-value of the declared shares at each look: it never rises, and may be read at any look.

    Exact for users who come one after the other, whatever their number.

    Args:
        users: how many each arm has, shape (…, arms, looks).
        shares: what was declared, in the order of the arms.
    """
    share = np.asarray(shares)[:, None]
    prior = CONCENTRATION * share
    log_ratio = (
        gammaln(prior.sum())
        - gammaln(prior.sum() + users.sum(axis=-2))
        + (gammaln(prior + users) - gammaln(prior) - xlogy(users, share)).sum(axis=-2)
    )
    return np.exp(-np.maximum.accumulate(np.maximum(0.0, log_ratio), axis=-1))
