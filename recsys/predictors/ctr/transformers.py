"""scikit-learn transformers of raw rows, as they stand in the pipeline.

Each takes a mapping of column names to ``Coded`` columns, in the order of time. ``fit_transform`` gives every row
numbers from other blocks of time than its own, ``transform`` what a later row gets: the tables of all rows. What is
fitted is ``lookups_``, which is all that serving needs; ``to_state`` and ``from_state`` are its arrays and JSON.

Source: Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes in classification and
prediction problems", SIGKDD Explorations 3(1), 2001; Weinberger and others, "Feature hashing for large scale multitask
learning", ICML 2009.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from recsys import columns as c
from recsys.features.click_rates import mean_weight
from recsys.predictors.ctr.counting import Counted, Floats, Number, Totals, blocks_of
from recsys.serving.predicting.coded import Coded
from recsys.serving.predicting.lookups import Arrays, Lookup, keys
from recsys.serving.predicting.rows import features

Columns = Mapping[str, Coded]


class Numbers(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Columns read as numbers; there is nothing to fit."""

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self.names = names

    def fit(self, columns: Columns, labels: object = None) -> Self:
        return self

    def transform(self, columns: Columns) -> NDArray[np.float32]:
        return features(columns, self.names, ())


class _Tables(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """One lookup per set of columns."""

    buckets: int | None = None

    def __init__(self, sets: tuple[tuple[str, ...], ...] = (), min_rows: int = 2, folds: int = 5) -> None:
        self.sets = sets
        self.min_rows = min_rows
        self.folds = folds

    def fit(self, columns: Columns, labels: NDArray[np.bool_]) -> Self:
        """Fits the tables; a text with fewer than ``min_rows`` rows is not in them."""
        self.fit_transform(columns, labels)
        return self

    def fit_transform(self, columns: Columns, labels: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Fits the tables; gives each row its numbers out of fold. Float32, shape (rows, sets)."""
        block = blocks_of(len(labels), self.folds)
        found: list[tuple[Lookup, Floats]] = [self._fitted(columns, names, labels, block) for names in self.sets]
        self.lookups_ = tuple(lookup for lookup, _ in found)
        return np.stack([numbers for _, numbers in found], axis=1).astype(np.float32)

    def transform(self, columns: Columns) -> NDArray[np.float32]:
        """Float32, shape (rows, sets)."""
        return features(columns, (), self.lookups_)

    @property
    def names(self) -> tuple[str, ...]:
        """What each feature is called."""
        return tuple(f"{self._prefix}_{'_'.join(names)}" for names in self.sets)

    def to_state(self) -> tuple[list[dict[str, Any]], list[Arrays]]:
        """What was fitted, as JSON and arrays."""
        states = [lookup.to_state() for lookup in self.lookups_]
        return [told for told, _ in states], [arrays for _, arrays in states]

    def from_state(self, told: Sequence[Mapping[str, Any]], arrays: Sequence[Arrays]) -> Self:
        """Fitted again, from what ``to_state`` gave."""
        self.lookups_ = tuple(Lookup.from_state(*state) for state in zip(told, arrays, strict=True))
        return self

    def _fitted(
        self, columns: Columns, names: tuple[str, ...], labels: NDArray[np.bool_], block: NDArray[np.int64]
    ) -> tuple[Lookup, Floats]:
        counted = Counted.of(keys(columns, names, self.buckets), labels, block, self.folds)
        number = self._number(counted, len(labels))
        totals = Totals(len(labels), float(labels.sum()))
        otherwise = float(number(np.zeros(1), np.zeros(1), totals)[0])
        table = counted.table(number, min_rows=self.min_rows)
        lookup = Lookup(self.names[self.sets.index(names)], names, self.buckets, table, otherwise)
        return lookup, counted.out_of_fold(number, block, min_rows=self.min_rows)

    _prefix: str

    def _number(self, counted: Counted, rows: int) -> Number:
        raise NotImplementedError


class Counts(_Tables):
    """log(1 + rows) of a text: how much was seen of it. Out of fold it is what as many rows as all would have."""

    _prefix = "count"

    def _number(self, counted: Counted, rows: int) -> Number:
        return lambda seen, clicks, totals: np.log1p(seen * (rows / max(totals.rows, 1)))


class Frequencies(_Tables):
    """The share of rows with a text."""

    _prefix = "frequency"

    def _number(self, counted: Counted, rows: int) -> Number:
        return lambda seen, clicks, totals: seen / max(totals.rows, 1)


class Rates(_Tables):
    """The click rate of a text, drawn towards the rate of all the more, the less the rates of texts truly differ."""

    _prefix = "rate"

    def _number(self, counted: Counted, rows: int) -> Number:
        weight = mean_weight(_learned(counted))
        return lambda seen, clicks, totals: (clicks + weight * totals.rate) / (seen + weight)


class Crosses(Rates):
    """The click rate of several columns' texts together, hashed into buckets."""

    _prefix = "cross"

    def __init__(
        self,
        sets: tuple[tuple[str, ...], ...] = (),
        min_rows: int = 2,
        folds: int = 5,
        buckets: int = 16_384,
    ) -> None:
        super().__init__(sets, min_rows, folds)
        self.buckets = buckets


def lookups_of(transformers: Iterator[object]) -> tuple[Lookup, ...]:
    """All that the transformers looked up, in their order."""
    return tuple(lookup for each in transformers if isinstance(each, _Tables) for lookup in each.lookups_)


def _learned(counted: Counted) -> pl.DataFrame:
    """Rows and clicks of each text in all blocks but the last, which is held back."""
    shown, clicked = counted.rows[:, :-1].sum(axis=1), counted.clicks[:, :-1].sum(axis=1)
    return pl.DataFrame({c.SHOWN: shown, c.CLICKED: clicked})
