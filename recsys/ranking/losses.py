"""Which ranking loss suits a site: a few are tried on a bounded part of the rows, on users who are held back."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.sites.ranker_policy import RankerPolicy

AUTO: Final = "auto"
TRIED: Final = ("YetiRank", "LambdaMart", "QuerySoftMax")
"""The first wins ties."""
USERS: Final = 600
TREES: Final = 40
Judge = Callable[[RankerPolicy, pl.DataFrame, pl.DataFrame], float]
"""Trains on the first rows with a policy; the nDCG@10 of the second."""


def tried_losses(
    policy: RankerPolicy, learned: pl.DataFrame, held: pl.DataFrame, judge: Judge, rng: np.random.Generator
) -> Mapping[str, float]:
    """Validation nDCG@10 of each of TRIED after TREES trees, learned from USERS users of ``learned``."""
    some = _of_some_users(learned, rng)
    short = min(TREES, policy.iterations)
    return {loss: judge(policy.model_copy(update={"loss": loss, "iterations": short}), some, held) for loss in TRIED}


def best_loss(tried: Mapping[str, float]) -> str:
    """The one that did best; the earlier of equals."""
    return max(tried, key=lambda loss: (tried[loss], -TRIED.index(loss)))


def _of_some_users(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    users = rows[c.USER_ID].unique().sort()
    kept = users.gather(np.sort(rng.permutation(len(users))[:USERS]))
    return rows.filter(pl.col(c.USER_ID).is_in(kept.implode()))
