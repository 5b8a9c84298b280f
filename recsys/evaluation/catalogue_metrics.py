"""What slates do to the catalogue: how much of it they open, how familiar and how alike their items are.

No truth is needed, so none of these says whether a slate is right; docs/metrics.md gives each formula and its pitfall.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys import columns as c
from recsys.evaluation.facts import Facts
from recsys.evaluation.metrics import coverage, metric_name

OF_SLATES: Final = ("gini", "novelty", "popularity", "diversity")
"""Beside coverage; each at a depth."""
DIVERSITY_USERS: Final = 2000
"""Diversity looks at the slates of so many users at most, drawn at random."""


def catalogue_metrics(
    slates: pl.DataFrame, facts: Facts, *, ks: Sequence[int], rng: np.random.Generator
) -> dict[str, float]:
    """Coverage and every metric of ``OF_SLATES`` at every depth; ``{}`` where there is no slate.

    Args:
        slates: user_id, item_id, rank.
        facts: what was known when the slates were made.
        ks: depths.
        rng: draws the users whose slates' diversity is measured.
    """
    if slates.is_empty():
        return {}
    users = slates[c.USER_ID].unique().sort()
    drawn = users.gather(np.sort(rng.permutation(len(users))[:DIVERSITY_USERS]))
    some = slates.filter(pl.col(c.USER_ID).is_in(drawn.implode()))
    found: dict[str, float] = {}
    for k in ks:
        shown = slates.filter(pl.col(c.RANK) <= k)
        values = {
            "coverage": coverage(slates, k=k, catalogue=facts.items.height),
            "gini": gini(shown, facts),
            **_familiarity(shown, facts),
            "diversity": diversity(some.filter(pl.col(c.RANK) <= k), facts),
        }
        found |= {metric_name(metric, k): value for metric, value in values.items()}
    return found


def gini(shown: pl.DataFrame, facts: Facts) -> float:
    """How unequally the items of the catalogue share the places: 0 when all have the same, near 1 when one has all.

    Source: Fleder and Hosanagar, Management Science 55(5), 2009.
    """
    counts = shown.group_by(c.ITEM_ID).agg(pl.len().alias(_PLACES))[_PLACES].sort().to_numpy().astype(np.float64)
    items = max(facts.items.height, len(counts))
    if not counts.sum():
        return 0.0
    nth = np.arange(items - len(counts) + 1, items + 1)
    return float(((2 * nth - items - 1) * counts).sum() / (items * counts.sum()))


def diversity(shown: pl.DataFrame, facts: Facts) -> float:
    """Mean over users of the mean of 1 − cosine over the pairs of their slate; 0 where nobody has two items.

    The cosine of two items is that of the sets of users who met them.

    Source: Ziegler, McNee, Konstan and Lausen, WWW 2005.
    """
    pairs = (
        shown.join(shown, on=c.USER_ID, suffix=_OTHER)
        .filter(pl.col(c.ITEM_ID) < pl.col(c.ITEM_ID + _OTHER))
        .select(c.USER_ID, c.ITEM_ID, c.ITEM_ID + _OTHER)
    )
    if pairs.is_empty():
        return 0.0
    distinct = pairs.select(c.ITEM_ID, c.ITEM_ID + _OTHER).unique(maintain_order=True)
    near = distinct.with_columns(pl.Series(_COSINE, _cosines(distinct, facts)))
    alike = pairs.join(near, on=distinct.columns).group_by(c.USER_ID).agg(pl.col(_COSINE).mean())
    return float(1 - alike.sort(c.USER_ID)[_COSINE].to_numpy().mean())


def _familiarity(shown: pl.DataFrame, facts: Facts) -> Mapping[str, float]:
    """Novelty (bits) and popularity (a share), each the mean over users of the mean over their slate.

    Source of novelty: Zhou, Kuscsik, Liu, Medo, Wakeling and Zhang, PNAS 107(10), 2010.
    """
    users = max(1, facts.users.height)
    share = pl.col(c.MET_BY).fill_null(0) / users
    surprise = (users / pl.col(c.MET_BY).fill_null(0).clip(lower_bound=1)).log(2)
    per_user = (
        shown.join(facts.items.select(c.ITEM_ID, c.MET_BY), on=c.ITEM_ID, how="left")
        .group_by(c.USER_ID)
        .agg(surprise.mean().alias(_SURPRISE), share.mean().alias(c.SHARE))
        .sort(c.USER_ID)
    )
    return {
        "novelty": float(per_user[_SURPRISE].to_numpy().mean()),
        "popularity": float(per_user[c.SHARE].to_numpy().mean()),
    }


def _cosines(pairs: pl.DataFrame, facts: Facts) -> NDArray[np.float64]:
    """One per row of ``pairs``: |U(i) ∩ U(j)| over √(|U(i)|·|U(j)|); 0 where one of them was never met."""
    names = pl.concat([pairs.to_series(0), pairs.to_series(1)]).unique().sort()
    columns = pl.DataFrame({c.ITEM_ID: names}).with_row_index(_COLUMN)
    met = facts.met.join(columns, on=c.ITEM_ID)
    users = met[c.USER_ID].rank("dense").cast(pl.Int64).to_numpy()
    people = sp.csr_matrix(
        (np.ones(met.height), (met[_COLUMN].to_numpy(), users)), shape=(len(names), facts.users.height + 1)
    )
    sizes = np.asarray(people.sum(axis=1)).ravel()
    left, right = (
        pairs.select(pl.col(name).replace_strict(names, columns[_COLUMN], return_dtype=pl.Int64)).to_series().to_numpy()
        for name in pairs.columns
    )
    common = np.concatenate(
        [
            np.asarray(people[left[start : start + _BLOCK]].multiply(people[right[start : start + _BLOCK]]).sum(axis=1))
            for start in range(0, len(left), _BLOCK)
        ]
    ).ravel()
    whole = np.sqrt(sizes[left] * sizes[right])
    cosines: NDArray[np.float64] = np.divide(common, whole, out=np.zeros(len(common)), where=whole > 0)
    return cosines


_BLOCK = 20_000
_OTHER = "_other"
_COSINE, _COLUMN, _PLACES, _SURPRISE = "_cosine", "_column", "_places", "_surprise"
