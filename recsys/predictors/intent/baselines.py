"""What a purchase intent has to beat: models that look at less of a session.

Each keeps to one contract: ``fit(examples)``, then ``predict(table)`` gives a probability per row.
"""

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recsys.predictors.examples import Examples
from recsys.predictors.quality import Probabilities
from recsys.serving.predicting.session import SessionRules
from recsys.serving.predicting.session_features import feature_names


class Baseline(Protocol):
    """Learns from examples, answers with probabilities."""

    def fit(self, examples: Examples) -> Self: ...

    def predict(self, table: NDArray[np.float32]) -> Probabilities: ...


class BaseRate:
    """The share of successes, whatever the session."""

    def fit(self, examples: Examples) -> Self:
        self._rate = float(examples.labels.mean())
        return self

    def predict(self, table: NDArray[np.float32]) -> Probabilities:
        return np.full(len(table), self._rate)


class LastEvent:
    """The share of successes among sessions whose last event was of the same type; one success in two is added."""

    def __init__(self, rules: SessionRules) -> None:
        self._column = feature_names(rules).index("last_1")
        self._types = len(rules.seen_types)

    def fit(self, examples: Examples) -> Self:
        last = examples.table[:, self._column].astype(np.int64)
        successes = np.bincount(last, weights=examples.labels, minlength=self._types)
        self._rates = (successes + 1) / (np.bincount(last, minlength=self._types) + 2)
        return self

    def predict(self, table: NDArray[np.float32]) -> Probabilities:
        found: Probabilities = self._rates[table[:, self._column].astype(np.int64)]
        return found


class LogisticOnCounts:
    """A logistic regression on the number of events of each type."""

    def __init__(self, rules: SessionRules) -> None:
        names = feature_names(rules)
        self._columns = [names.index(f"count_{name}") for name in rules.seen_types]

    def fit(self, examples: Examples) -> Self:
        self._model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        self._model.fit(self._counts(examples.table), examples.labels)
        return self

    def predict(self, table: NDArray[np.float32]) -> Probabilities:
        found: Probabilities = self._model.predict_proba(self._counts(table))[:, 1]
        return found

    def _counts(self, table: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.log1p(table[:, self._columns].astype(np.float64))


def baselines(rules: SessionRules) -> dict[str, Baseline]:
    """All of them, by name."""
    return {"base rate": BaseRate(), "last event": LastEvent(rules), "logistic on counts": LogisticOnCounts(rules)}
