"""Items that are described alike: TF-IDF over what the catalogue tells. It knows items of no event, as no other does.

Words of title and text count as they stand; category and attributes count as whole values, ``brand=acme``. An attribute
of several values counts each, one of many words is text.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import polars as pl
import scipy.sparse as sp
from pydantic import PositiveFloat, PositiveInt
from sklearn.feature_extraction.text import TfidfVectorizer

from recsys import columns as c
from recsys.candidates.best import Scores
from recsys.candidates.history import History, positions
from recsys.candidates.query import QueryGenerator, QueryParams

WORD: Final = re.compile(r"\w\w+")
PHRASE: Final = 4
"Words above which a value is text."
TOLD: Final = (c.TITLE, c.TEXT, c.CATEGORY, c.ATTRIBUTES)
"""What is read of the catalogue, where it is there."""


class ContentParams(QueryParams):
    """What counts, and for how long."""

    max_terms: PositiveInt = 100_000
    "Only the most frequent words and values are looked at."
    max_text_words: PositiveInt = 200
    "Words of a text that are read."
    query_half_life_days: PositiveFloat | None = 30.0
    "For the user's own history when asked: an event this much older than the newest counts half; null: age is nothing."


class Content(QueryGenerator[ContentParams]):
    """Items whose description is near to those of the user's history."""

    name = "content"
    learned = ("_terms_of", "_items_of")

    def __init__(self, params: ContentParams | None = None) -> None:
        super().__init__(params or ContentParams())

    def _learn(self, interactions: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> History:
        known = pl.concat([items[c.ITEM_ID], interactions[c.ITEM_ID]]).unique().sort()
        told = items.select(c.ITEM_ID, *(name for name in TOLD if name in items.columns)).sort(c.ITEM_ID)
        documents = [list(self._terms(row)) for row in told.iter_rows(named=True)]
        self._terms_of = sp.csr_matrix((len(known), 1), dtype=np.float32)
        if any(documents):
            reader = TfidfVectorizer(
                analyzer=list, sublinear_tf=True, max_features=self.params.max_terms, dtype=np.float32
            )
            described = reader.fit_transform(documents).tocoo()
            rows = positions(told[c.ITEM_ID], known)[described.row]
            shape = (len(known), described.shape[1])
            self._terms_of = sp.csr_matrix((described.data, (rows, described.col)), shape=shape)
        self._items_of = self._terms_of.T.tocsr()
        return History.of(interactions, half_life_days=self.params.query_half_life_days, repeats="best", items=known)

    def _scores(self, queries: sp.csr_matrix) -> Scores:
        profiles = (queries @ self._terms_of).tocsr()
        length = np.sqrt(np.asarray(profiles.power(2).sum(axis=1))).ravel()
        alike: Scores = (sp.diags_array(1 / np.where(length > 0, length, 1.0)) @ profiles @ self._items_of).toarray()
        return np.where(alike > 0, alike, -np.inf).astype(np.float32)

    def _terms(self, item: dict[str, Any]) -> Iterator[str]:
        yield from WORD.findall((item.get(c.TITLE) or "").lower())
        yield from WORD.findall((item.get(c.TEXT) or "").lower())[: self.params.max_text_words]
        if item.get(c.CATEGORY):
            yield f"{c.CATEGORY}={item[c.CATEGORY]}"
        attributes = json.loads(item.get(c.ATTRIBUTES) or "{}")
        for name, value in sorted(attributes.items()):
            yield from self._values(name, value)

    def _values(self, name: str, value: Any) -> Iterator[str]:
        if isinstance(value, list):
            for each in value:
                yield from self._values(name, each)
        elif isinstance(value, str) and len(words := WORD.findall(value.lower())) > PHRASE:
            yield from words[: self.params.max_text_words]
        elif isinstance(value, str | int):  # not floats: a measure, or part of a vector, is nobody's name
            yield f"{name}={value}"
