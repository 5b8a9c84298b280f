"""Boosted trees that learn from lessons which of several candidates came next."""

from typing import Final

import numpy as np
from catboost import CatBoost, Pool
from numpy.typing import NDArray

VALID_SHARE: Final = 0.1
"""Share of the lessons held back to choose the number of trees."""
PATIENCE: Final = 30
"""Trees without a better log-loss of those before training stops."""
FEWEST_LESSONS: Final = 200
"""With fewer there are no trees worth growing."""


def next_item_trees(
    rows: NDArray[np.float32],
    labels: NDArray[np.bool_],
    sizes: NDArray[np.int64],
    *,
    iterations: int,
    learning_rate: float,
    depth: int,
    seed: int,
    threads: int,
) -> CatBoost:
    """Trees whose score, in log-odds, is the higher, the likelier a candidate comes next.

    Every tenth lesson is held back and stops them. The same input and ``threads`` give the same trees.

    Args:
        rows: features of candidates, lesson after lesson, shape (candidates, features).
        labels: which of them came next.
        sizes: candidates of each lesson.
        iterations: most trees.
        learning_rate: step of each tree; dimensionless.
        depth: levels of a tree.
        seed: of everything random in it.
        threads: cores used.
    """
    held = np.repeat(np.arange(len(sizes)) % round(1 / VALID_SHARE) == 0, sizes)
    learn, valid = (Pool(rows[at], labels[at].astype(np.float32)) for at in (~held, held))
    model = CatBoost(
        {
            "loss_function": "Logloss",
            "iterations": iterations,
            "learning_rate": learning_rate,
            "depth": depth,
            "border_count": 64,
            "random_seed": seed,
            "thread_count": threads,
            "od_type": "Iter",
            "od_wait": PATIENCE,
            "use_best_model": True,
            "allow_writing_files": False,
        }
    )
    model.fit(learn, eval_set=valid, verbose=False)
    return model
