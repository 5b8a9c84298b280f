"""How much each interaction says about taste."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from recsys import columns as c
from recsys.errors import DataError
from recsys.sites.config import InteractionType


def weighted(
    interactions: pl.DataFrame,
    types: Sequence[InteractionType],
    *,
    as_of: datetime,
    half_life_days: float | None = None,
) -> pl.DataFrame:
    """The interactions with a Float32 column ``weight``, all before ``as_of``.

    Args:
        interactions: schema INTERACTIONS.
        types: the site's interaction types; a type's weight is the weight of a fresh event.
        as_of: exclusive; later rows are left out.
        half_life_days: an event this much before ``as_of`` counts half; None: age does not matter here. Generators have
            half-lives of their own, so leave it None unless every one of them shall forget faster.

    Returns:
        The rows before ``as_of`` in their order. Weights are floats and never rounded: a view of 0.1 stays 0.1.

    Raises:
        DataError: an event type is not among ``types``.
    """
    known = interactions.filter(pl.col(c.TIMESTAMP) < as_of)
    names = [kind.name for kind in types]
    unknown = sorted(set(known[c.EVENT_TYPE].unique()) - set(names))
    if unknown:
        raise DataError(f"found event types {unknown}, expected {names}; add them to the site's interactions")
    weight = pl.col(c.EVENT_TYPE).replace_strict(names, [kind.weight for kind in types], return_dtype=pl.Float64)
    if half_life_days is not None:
        age = (pl.lit(as_of) - pl.col(c.TIMESTAMP)).dt.total_microseconds() / 86_400e6
        weight = weight * 0.5 ** (age / half_life_days)
    return known.with_columns(weight.cast(pl.Float32).alias(c.WEIGHT))
