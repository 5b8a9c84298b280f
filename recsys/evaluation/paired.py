"""Whether two contestants differ by more than chance, user by user.

Sources: Smucker, Allan and Carterette, "A comparison of statistical significance tests for information retrieval
evaluation", CIKM 2007 (the randomization test); Conover, "Practical Nonparametric Statistics", 1999, chapter 3 (the
sign test).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from recsys.types import Frozen

FLIPS: Final = 2000
AT_ONCE: Final = 4_000_000
"""Signs drawn at once; bounds memory."""
ROUNDING: Final = 1e-12
"""Sums of the same numbers in another order may differ by this much; they count as equal."""


class PairedTest(Frozen):
    """How the users' differences lie, and how likely that is when both contestants are the same."""

    better: int
    "Users for whom the first scores higher."
    equal: int
    worse: int
    p_randomization: float
    "Two-sided: share of random swaps of the two, user by user, whose mean difference is at least as large; above 0."
    p_sign: float
    "Two-sided and exact: better against worse, however large the differences are."


def paired_test(differences: NDArray[np.float64], *, rng: np.random.Generator, flips: int = FLIPS) -> PairedTest:
    """Tests one difference per user against none.

    Args:
        differences: float64, one per user; without users, or all 0, both p are 1.
        rng: draws the swaps.
        flips: how many.
    """
    better, worse = int((differences > 0).sum()), int((differences < 0).sum())
    return PairedTest(
        better=better,
        equal=len(differences) - better - worse,
        worse=worse,
        p_randomization=_randomization(differences[differences != 0], rng, flips),
        p_sign=float(binomtest(better, better + worse).pvalue) if better + worse else 1.0,
    )


def _randomization(differences: NDArray[np.float64], rng: np.random.Generator, flips: int) -> float:
    if not len(differences):
        return 1.0
    observed = abs(differences.sum()) - ROUNDING
    at_once = max(1, AT_ONCE // len(differences))
    as_large = 0
    for start in range(0, flips, at_once):
        heads = rng.integers(0, 2, size=(min(at_once, flips - start), len(differences)), dtype=np.int8)
        swapped = (2.0 * heads - 1.0) @ differences
        as_large += int((np.abs(swapped) >= observed).sum())
    return (1 + as_large) / (1 + flips)
