"""What every candidate generator promises."""

from collections.abc import Sequence
from typing import Final, Protocol, Self

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.types import UserId

CANDIDATES: Final = pl.Schema(
    {
        c.USER_ID: pl.String(),
        c.ITEM_ID: pl.String(),
        c.SOURCE: pl.String(),
        c.SCORE: pl.Float64(),
        c.RANK: pl.Int32(),
    }
)
"""At most k rows per user and source; rank dense from 1, score never rises with rank; no item twice per source."""


class CandidateGenerator(Protocol):
    """Says which items a user could be shown: thousands in, hundreds out."""

    name: str
    "The ``source`` of its rows."

    def fit(self, interactions: pl.DataFrame, *, items: pl.DataFrame, rng: np.random.Generator) -> Self:
        """Learns from interactions (schema INTERACTIONS plus ``weight``), all before the as_of of the caller.

        ``items`` is the catalogue as of the same time; unavailable items are never generated.
        """
        ...

    def generate(self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        """At most ``k`` rows per user, schema CANDIDATES. An unknown user is an answer (maybe no rows), not an error.

        ``exclude`` has the pairs (user_id, item_id) that must not come back.

        Raises:
            NotFittedError: before ``fit``.
        """
        ...
