"""How a click probability is learned: transformers and trees in one scikit-learn pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import FeatureUnion, Pipeline

from recsys.errors import SchemaError
from recsys.events.quality.report import Check
from recsys.predictors.ctr.checks import ctr_checks
from recsys.predictors.ctr.counting import blocks_of
from recsys.predictors.ctr.rows import coded
from recsys.predictors.ctr.transformers import Counts, Crosses, Frequencies, Numbers, Rates, lookups_of
from recsys.predictors.examples import Examples
from recsys.predictors.quality import Probabilities
from recsys.predictors.table_checks import require_passed
from recsys.predictors.trees import TreeParams, fit_trees
from recsys.serving.predicting.clicks import ClickProbability
from recsys.serving.predicting.coded import Coded
from recsys.serving.predicting.rows import RowEncoder, RowReader
from recsys.serving.predicting.scorer import Scorer
from recsys.sites.predictor_policy import CtrPolicy


class Trees(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The last step of the pipeline: learns from all blocks but the last, which is held back."""

    def __init__(self, names: tuple[str, ...], params: TreeParams, folds: int) -> None:
        self.names = names
        self.params = params
        self.folds = folds

    def fit(self, table: NDArray[np.float32], labels: NDArray[np.bool_]) -> Self:
        rows, held = Examples(table, labels), blocks_of(len(labels), self.folds) == self.folds - 1
        self.classes_ = np.array([False, True])
        self.learned_ = rows[~held]
        self.scorer_: Scorer = fit_trees(self.learned_, rows[held], self.names, self.params)
        return self

    def predict_proba(self, table: NDArray[np.float32]) -> Probabilities:
        said = self.scorer_.predict(table)
        return np.stack([1 - said, said], axis=1)


@dataclass(frozen=True)
class FittedCtr:
    """A model, and what it was fitted with."""

    model: ClickProbability
    pipeline: Pipeline
    "Takes what ``columns_of`` gives, read by the model's reader."
    checks: tuple[Check, ...]
    examples: Examples
    "What the trees learned from: for importances and baselines."


def fit_ctr(rows: pl.DataFrame, policy: CtrPolicy) -> FittedCtr:
    """Learns how likely a row is to be clicked.

    Rates, counts and frequencies of a row come from other blocks of time than its own; those of the last block, which
    stops the trees and weighs them, from the blocks before it. Later rows are looked up in the tables of all.

    Args:
        rows: the policy's columns and its label, in the order of time; rows without label are left out.
        policy: of the site.

    Raises:
        SchemaError: columns that the policy names are not there.
        TableRefused: the rows are not what the policy expects.
        NotEnoughData: nothing was clicked, or everything.
    """
    missing = [name for name in (*policy.columns, policy.label) if name not in rows.columns]
    if missing:
        raise SchemaError(f"found no columns {missing} among {rows.columns}; correct predictors.ctr in the site's YAML")
    rows = rows.drop_nulls(policy.label).tail(policy.rows)
    checks = ctr_checks(rows, policy)
    require_passed(checks)
    labels = rows[policy.label].to_numpy().astype(np.bool_)
    steps = transformers(policy)
    names = tuple(name for _, step in steps for name in step.names)
    params = TreeParams(**policy.model_dump(include=set(TreeParams.model_fields)))
    pipeline = Pipeline([("encode", FeatureUnion(steps)), ("trees", Trees(names, params, policy.folds))])
    salt = sha256(labels.tobytes()).digest()[:16]  # the same rows give the same model, others other hashes
    reader = RowReader(policy.columns, policy.time, policy.time_format, salt)
    pipeline.fit(columns_of(rows, reader), labels)
    fitted = (step for _, step in pipeline["encode"].transformer_list)
    encoder = RowEncoder(policy.numbers, lookups_of(fitted))
    trees = pipeline["trees"]
    model = ClickProbability(reader, encoder, trees.scorer_)
    return FittedCtr(model, pipeline, tuple(checks), trees.learned_)


def columns_of(rows: pl.DataFrame, reader: RowReader) -> Mapping[str, Coded]:
    """The rows as the pipeline takes them, or a model's encoder."""
    return reader.prepared(coded(rows, reader.columns))


def transformers(policy: CtrPolicy) -> list[tuple[str, Numbers | Counts | Frequencies | Rates | Crosses]]:
    """The policy's transformers by name, numbers first; those with nothing to look at are left out."""
    each = tuple((name,) for name in policy.categories)
    tables = [
        ("counts", Counts(policy.counts, policy.min_rows, policy.folds)),
        ("frequencies", Frequencies(each, policy.min_rows, policy.folds)),
        ("rates", Rates(each, policy.min_rows, policy.folds)),
        ("crosses", Crosses(policy.crosses, policy.min_rows, policy.folds, policy.buckets)),
    ]
    numbers = [("numbers", Numbers(policy.numbers))] if policy.numbers else []
    return [*numbers, *((name, step) for name, step in tables if step.sets)]
