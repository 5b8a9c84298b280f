"""How much less is looked at what stands lower: chances of positions, from how the same items fare at several of them.

The position-based model: a click needs a look at the position and an item that is liked, independently. Its two
factors solve "clicks expected = clicks seen" for every position and every item (the likelihood equations of a
log-linear Poisson model), by turns. An item shown at one position alone says nothing of positions.

Sources: Chuklin, Markov and de Rijke, "Click Models for Web Search", 2015, chapter 3; Agarwal and others, "Estimating
Position Bias without Intrusive Interventions", WSDM 2019; Deming and Stephan, Ann. Math. Statist. 11(4), 1940.
"""

from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.errors import NotEnoughData
from recsys.evaluation.experiments.moments import Floats
from recsys.evaluation.experiments.outcomes import attributed, shown_items, slates_of
from recsys.sites.experiment import Experiment

ROUNDS: Final = 200
CLOSE: Final = 1e-6
TINY: Final = 1e-12


def position_counts(experiment: Experiment, slates: pl.LazyFrame, interactions: pl.LazyFrame) -> pl.LazyFrame:
    """item_id, position, shown, clicked: how often, in all arms together; frames as those of ``outcomes``."""
    shown = shown_items(slates_of(experiment, slates))
    clicks = attributed(
        experiment, shown, interactions.filter(pl.col(c.EVENT_TYPE).is_in(list(experiment.events.click)))
    )
    pairs = clicks.select(c.REQUEST_ID, c.ITEM_ID).unique().with_columns(pl.lit(1).alias(c.CLICKED))
    return (
        shown.join(pairs, on=[c.REQUEST_ID, c.ITEM_ID], how="left")
        .group_by(c.ITEM_ID, c.POSITION)
        .agg(pl.len().alias(c.SHOWN), pl.col(c.CLICKED).sum())
        .sort(c.ITEM_ID, c.POSITION)
    )


def examination(counts: pl.DataFrame) -> tuple[float, ...]:
    """Chance that each position is looked at, relative to the first, from position 1 on.

    A position without a click of an item that was also clicked elsewhere is as the one before it.

    Args:
        counts: item_id, position (from 1), shown, clicked.

    Raises:
        NotEnoughData: nobody clicked anything at the first position.
    """
    item = counts[c.ITEM_ID].rank("dense").cast(pl.Int64).to_numpy() - 1
    place = counts[c.POSITION].cast(pl.Int64).to_numpy() - 1
    shape = (int(item.max(initial=-1)) + 1, int(place.max(initial=-1)) + 1)
    shown, clicked = np.zeros(shape), np.zeros(shape)
    np.add.at(shown, (item, place), counts[c.SHOWN].to_numpy())
    np.add.at(clicked, (item, place), counts[c.CLICKED].to_numpy())
    if not clicked[:, :1].sum():
        raise NotEnoughData(
            f"found no click at position 1 among {shown.sum():,.0f} items shown, expected some; "
            "leave examination out until there are"
        )
    return tuple(float(chance) for chance in _fit(shown, clicked))


def _fit(shown: Floats, clicked: Floats) -> Floats:
    chance = np.ones(shown.shape[1])
    for _ in range(ROUNDS):
        liked = clicked.sum(axis=1) / np.maximum(shown @ chance, TINY)
        found = clicked.sum(axis=0) / np.maximum(liked @ shown, TINY)
        found = found / found[0]
        if np.abs(found - chance).max() < CLOSE:
            break
        chance = found
    last = np.maximum.accumulate(np.where(chance > 0, np.arange(len(chance)), 0))
    return chance[last]
