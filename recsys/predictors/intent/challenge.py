"""Cart abandonment as the SIGIR eCom 2021 data challenge scores it.

A session is judged a number of events after its first add to cart, if it goes on so far before its purchase or end. Of
a yes or no, micro-averaged F1 over both classes is the share that is right; the shares are added up with weights.

Source: Tagliabue and others, "SIGIR 2021 E-Commerce Workshop Data Challenge", arXiv:2104.09423, and its published
scoring.
"""

from typing import Final

import numpy as np

from recsys.predictors.intent.prefixes import Prefixes
from recsys.predictors.quality import Probabilities

CUTOFFS: Final = {0: 1.0, 2: 0.9, 4: 0.8, 6: 0.7, 8: 0.6, 10: 0.5}
"""Weights by number of events after the first add to cart; all right is 4.5."""


def weighted_micro_f1(prefixes: Prefixes, probabilities: Probabilities) -> tuple[float, dict[int, float]]:
    """The weighted sum, at most 4.5, and by cutoff the micro-F1; a cutoff that no session reaches is left out.

    Args:
        prefixes: all beginnings of the judged sessions; others than those at a cutoff are ignored.
        probabilities: one per row; from a half on it is a yes.
    """
    right = (probabilities >= 0.5) == prefixes.examples.labels
    found = {cutoff: float(np.mean(right[rows])) for cutoff in CUTOFFS if (rows := prefixes.after_cart == cutoff).any()}
    return sum(CUTOFFS[cutoff] * f1 for cutoff, f1 in found.items()), found
