"""What every candidate generator promises."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Protocol, Self

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.types import Frozen, ItemId, UserId

Asked = Literal["user", "session", "item"]
"""What a generator can be asked about: a user by id, an anonymous session by its items, an item by id."""
EVERYTHING: Final[frozenset[Asked]] = frozenset({"user", "session", "item"})

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
SESSION_CANDIDATES: Final = pl.Schema(
    {c.SESSION_ID: pl.String(), **{name: kind for name, kind in CANDIDATES.items() if name != c.USER_ID}}
)
"""The same per session; sessions in the order of their ids."""
SIMILAR: Final = pl.Schema(
    {c.ITEM_ID: pl.String(), c.SIMILAR_ITEM_ID: pl.String(), c.SCORE: pl.Float64(), c.RANK: pl.Int32()}
)
"""The same per item that was asked about; never the item itself."""
SESSIONS: Final = pl.Schema({c.SESSION_ID: pl.String(), c.ITEM_ID: pl.String(), c.POSITION: pl.Int32()})
"""What anonymous sessions did: position 1 is the oldest item; a column ``weight`` may say how much each counts."""

State = Mapping[str, Any]
"""All that a fitted generator has learned, by name: with its params, enough to answer.

Arrays, sparse matrices (CSR), Series of ids and DataFrames.
"""


class CandidateGenerator(Protocol):
    """Says which items could be shown: thousands in, hundreds out.

    Equal rows in any order, and an equal ``rng``, give equal answers; a batch is answered as each of it alone. Ties go
    by item id. Timestamps may all be equal.
    """

    name: str
    "The ``source`` of its rows."
    answers: frozenset[Asked]
    "What it can be asked about. To anything else its answer is empty, not an error."

    @property
    def params(self) -> Frozen:
        """As its kind's params class has checked them."""
        ...

    def fit(self, interactions: pl.DataFrame, *, items: pl.DataFrame, rng: np.random.Generator) -> Self:
        """Learns from interactions (schema INTERACTIONS plus ``weight``), all before the as_of of the caller.

        ``items`` is the catalogue as of the same time; unavailable items are never generated.

        Raises:
            DataError: a weight is negative or not a finite number.
        """
        ...

    def generate(self, users: Sequence[UserId], *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        """At most ``k`` rows per user, schema CANDIDATES. An unknown user is an answer (maybe no rows), not an error.

        ``exclude`` has the pairs (user_id, item_id) that must not come back.

        Raises:
            NotFittedError: before ``fit``.
        """
        ...

    def continue_sessions(self, sessions: pl.DataFrame, *, k: int, exclude: pl.DataFrame) -> pl.DataFrame:
        """At most ``k`` rows per session, schema SESSION_CANDIDATES: what could come next.

        Args:
            sessions: schema SESSIONS, maybe with ``weight``. Items that nobody knows are skipped.
            k: rows per session.
            exclude: pairs (session_id, item_id) that must not come back. The session's own items may: whether an item
                is shown again is for the caller to say.

        Raises:
            NotFittedError: before ``fit``.
        """
        ...

    def similar_to(self, items: Sequence[ItemId], *, k: int) -> pl.DataFrame:
        """At most ``k`` available items near each of ``items``, schema SIMILAR; no rows for an item nobody knows.

        Raises:
            NotFittedError: before ``fit``.
        """
        ...

    def state(self) -> State:
        """What was learned, to be kept; ``restore`` takes it.

        Raises:
            NotFittedError: before ``fit``.
        """
        ...

    def restore(self, state: State) -> Self:
        """Afterwards it answers as the one that ``state`` is of, which had the same params."""
        ...
