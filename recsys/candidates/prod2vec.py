"""Items as words, visits as sentences: skip-gram vectors, near where items stand in each other's company.

A sentence is a session, or a user's whole history where events name no session; in the order of time.

Source: Grbovic et al., "E-commerce in your inbox: product recommendations at scale", KDD 2015; learned by ``gensim``.
"""

import numpy as np
import polars as pl
import scipy.sparse as sp
from gensim.models import Word2Vec
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from recsys import columns as c
from recsys.candidates.best import Scores
from recsys.candidates.factors import PRECISION, cosines, unit
from recsys.candidates.history import History, positions
from recsys.candidates.query import QueryGenerator, QueryParams
from recsys.candidates.vectors import Vectors
from recsys.types import Frozen

SEED_BELOW = 2**31
LONGEST = 1000
"Items of a sentence; a longer one is cut: far ends have no company anyway."


class SkipGram(Frozen):
    """Size of the vectors, and what company means."""

    embedding_size: PositiveInt = 64
    "Numbers per item."
    window: PositiveInt = 5
    "Items before and after that keep company."
    negatives: PositiveInt = 10
    "Items drawn at random against each pair."
    frequent: NonNegativeFloat = 0.0
    "Items of a larger share of all events are thinned out; 0: none are."
    min_events: PositiveInt = 2
    "Items with fewer events have no vector."
    learning_rate: PositiveFloat = 0.05
    "Length of the first step."
    epochs: PositiveInt = 15
    "Passes. They run on one core: several would race, and no two runs would agree."


class Prod2vecParams(QueryParams, SkipGram):
    """The same, and how a user asks."""

    query_half_life_days: PositiveFloat | None = 30.0
    "For the user's own history when asked: an event this much older than the newest counts half; null: age is nothing."


class Prod2vec(QueryGenerator[Prod2vecParams]):
    """Items that stand where those of the user's history stand."""

    name = "prod2vec"
    learned = ("_vectors",)

    def __init__(self, params: Prod2vecParams | None = None) -> None:
        super().__init__(params or Prod2vecParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        params = self.params
        history = History.of(interactions, half_life_days=params.query_half_life_days, repeats="best")
        self._vectors = skip_gram(sentences(interactions, history.items), len(history.items), params, rng)
        return history

    def vectors(self) -> Vectors:
        """Items' own; a user's is the direction of what the user did."""
        history = self._fitted()
        return Vectors(history.users, unit(history.matrix @ self._vectors), history.items, self._vectors)

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        found = np.round(unit(queries @ self._vectors) @ self._vectors.T, PRECISION).astype(np.float32)
        return np.where(found > 0, found, np.float32(-np.inf))

    def _item_scores(self, columns: NDArray[np.int64]) -> Scores:
        return cosines(self._vectors, columns)


def skip_gram(texts: list[list[str]], count: int, params: SkipGram, rng: np.random.Generator) -> NDArray[np.float64]:
    """Vectors of length 1, shape (count, embedding_size); 0 for an item with too few events.

    Args:
        texts: items as the text of their numbers, from 0 to ``count``; each list in the order of time.
        count: how many items there are.
        params: of the vectors.
        rng: gives the seed.
    """
    vectors = np.zeros((count, params.embedding_size))
    seed = int(rng.integers(SEED_BELOW))
    model = Word2Vec(
        vector_size=params.embedding_size,
        window=params.window,
        negative=params.negatives,
        sample=params.frequent,
        min_count=params.min_events,
        alpha=params.learning_rate,
        epochs=params.epochs,
        sg=1,
        workers=1,
        seed=seed,
    )
    model.build_vocab(texts)
    if len(model.wv):
        model.train(texts, total_examples=model.corpus_count, epochs=params.epochs)
        vectors[[int(word) for word in model.wv.index_to_key]] = unit(model.wv.vectors.astype(np.float64))
    return vectors


def sentences(interactions: pl.DataFrame, items: pl.Series) -> list[list[str]]:
    """Per session (per user where there is none) the positions of its items in ``items``, as text, oldest first."""
    whose = pl.coalesce(pl.concat_str(pl.lit("session "), c.SESSION_ID), pl.concat_str(pl.lit("user "), c.USER_ID))
    known = interactions.select(
        whose.alias(c.SESSION_ID),
        c.TIMESTAMP,
        c.ITEM_ID,
        pl.Series(c.POSITION, positions(interactions[c.ITEM_ID], items)),
    ).sort(c.SESSION_ID, c.TIMESTAMP, c.ITEM_ID)
    part = pl.int_range(pl.len()).over(c.SESSION_ID) // LONGEST
    return (
        known.group_by(c.SESSION_ID, part.alias(c.RANK), maintain_order=True)
        .agg(pl.col(c.POSITION).cast(pl.String))[c.POSITION]
        .to_list()
    )
