"""Shows new items now and then, and says how likely that was, so that what follows can be weighed.

At each of the first positions: with probability ``share`` a new item that the user may see and that does not stand
above, each equally likely; else the next item of the slate. Where there is no such item the slate's next is certain.

Source: Bottou and others, "Counterfactual reasoning and learning systems", JMLR 14, 2013 (why the propensity is kept).
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.types import ItemId

EXPLORED: Final = "exploration"
"The ``source`` of an item that was drawn."
Place = tuple[ItemId, str | None, float]
"""Item, EXPLORED where it was drawn, propensity."""


def explore(
    slates: pl.DataFrame,
    new: Sequence[ItemId],
    *,
    share: float,
    positions: int,
    exclude: pl.DataFrame,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """The slates with new items among them, as long as before, and ``propensity`` (Float64).

    ``propensity`` is the probability of the item at its position, given the positions above it; 1 after ``positions``.
    An item that is shown earlier than it stood is not shown again. A position keeps its score.

    Args:
        slates: schema SLATES.
        new: items that may be drawn, each once.
        share: probability per position.
        positions: how many first positions explore.
        exclude: pairs (user_id, item_id) that must not be shown.
        rng: draws; users are taken in the order of their ids.
    """
    ordered = slates.sort(c.USER_ID, c.RANK)
    users = ordered.group_by(c.USER_ID, maintain_order=True).agg(c.ITEM_ID)
    concerned = exclude.filter(pl.col(c.ITEM_ID).is_in(list(new))).join(users, on=c.USER_ID, how="semi")
    forbidden = dict(concerned.group_by(c.USER_ID).agg(c.ITEM_ID).iter_rows())
    whether, which = rng.random((2, users.height, positions)).tolist()
    places: list[Place] = []
    for number, (user, slate) in enumerate(users.iter_rows()):
        never = set(forbidden.get(user, ()))
        may_see = [item for item in new if item not in never] if never else new
        places += _places(slate, may_see, share, whether[number], which[number])
    return _arranged(ordered, places)


def _places(
    slate: list[ItemId], new: Sequence[ItemId], share: float, whether: Sequence[float], which: Sequence[float]
) -> Iterator[Place]:
    """The slate of one user; ``whether`` and ``which`` are uniform draws, one per position that explores."""
    above: set[ItemId] = set()
    may_see = frozenset(new)
    left = len(may_see)
    for explores, nth in list(zip(whether, which, strict=True))[: len(slate)]:
        following = next(item for item in slate if item not in above)
        drawn = left > 0 and explores < share
        item = [each for each in new if each not in above][int(nth * left)] if drawn else following
        propensity = (item in may_see) * share / left + (item == following) * (1 - share) if left else 1.0
        yield item, EXPLORED if drawn else None, propensity
        above.add(item)
        left -= item in may_see
    rest = [item for item in slate if item not in above]
    yield from ((item, None, 1.0) for item in rest[: len(slate) - len(above)])


def _arranged(ordered: pl.DataFrame, places: list[Place]) -> pl.DataFrame:
    shown = pl.DataFrame(
        places, schema={c.ITEM_ID: pl.String, _DRAWN: pl.String, c.PROPENSITY: pl.Float64}, orient="row"
    )
    stood = ordered.select(c.USER_ID, c.ITEM_ID, c.SOURCE, c.BECAUSE)
    return (
        pl.concat([ordered.select(c.USER_ID, c.SCORE, c.RANK), shown], how="horizontal")
        .join(stood, on=[c.USER_ID, c.ITEM_ID], how="left", maintain_order="left")
        .with_columns(
            pl.coalesce(_DRAWN, c.SOURCE).alias(c.SOURCE),
            pl.col(c.BECAUSE).fill_null(pl.lit([], dtype=pl.List(pl.String))),
        )
        .select(*ordered.columns, c.PROPENSITY)
    )


_DRAWN = "_drawn"
