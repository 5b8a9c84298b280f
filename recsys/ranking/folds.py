"""Users in parts, so that each part is scored by a model that never saw it."""

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.errors import NotEnoughData


def folds_by_user(rows: pl.DataFrame, count: int, rng: np.random.Generator) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """``count`` times (the rest, a part): every user is in one part, with all rows.

    Fewer where there are fewer users; one fold is a single split with a sixth of the users as the part.

    Raises:
        NotEnoughData: fewer than two users.
    """
    users = rows[c.USER_ID].unique().sort()
    if len(users) < 2:
        raise NotEnoughData(
            f"found {len(users)} users with a success among their candidates, expected at least 2; "
            "widen label_days or wait for more events"
        )
    parts = np.array_split(rng.permutation(len(users)), min(len(users), count if count > 1 else SINGLE_PARTS))
    folds = []
    for part in parts[: max(1, count)]:
        inside = pl.col(c.USER_ID).is_in(users.gather(np.sort(part)).implode())
        folds.append((rows.filter(~inside), rows.filter(inside)))
    return folds


SINGLE_PARTS = 6
