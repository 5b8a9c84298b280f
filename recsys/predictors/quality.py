"""How good probabilities are; docs/metrics.md gives each formula, its range and its pitfalls."""

from collections.abc import Mapping
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from recsys.errors import DataError
from recsys.predictors.contest import Quality
from recsys.predictors.curves import Curves
from recsys.types import Frozen

Probabilities = NDArray[np.float64]
Labels = NDArray[np.bool_]
BINS: Final = 15
"""Equally filled bins of the calibration curve."""
SURE: Final = 1e-7
"""Probabilities are kept this far from 0 and 1, so that one row alone cannot make the log-loss infinite."""


class CalibrationBin(Frozen):
    """Rows of about the same probability."""

    predicted: float
    "Mean probability."
    observed: float
    "Share of successes."
    rows: int


class ProbabilityQuality(Quality):
    """Metrics of one set of probabilities; None where a metric needs both kinds of rows and there is one."""

    rows: int
    base_rate: float
    "Share of successes."
    mean_probability: float
    log_loss: float
    normalised_entropy: float | None
    auc: float | None
    pr_auc: float | None
    ece: float
    threshold: float
    "From which probability on a row is taken for a success; chosen on other rows."
    precision: float
    recall: float
    f1: float
    curve: tuple[CalibrationBin, ...]

    def metrics(self) -> dict[str, float]:
        return {name: value for name, value in self.model_dump(exclude={"curve"}).items() if value is not None}

    @classmethod
    def curves(cls, contestants: Mapping[str, Self]) -> Curves:
        return Curves(
            name="calibration",
            title="Calibration on later rows",
            x="predicted",
            y="observed",
            lines={
                name: [(each.predicted, each.observed) for each in found.curve] for name, found in contestants.items()
            },
            diagonal=True,
        )


def probability_quality(labels: Labels, probabilities: Probabilities, *, threshold: float = 0.5) -> ProbabilityQuality:
    """All metrics of these rows.

    Args:
        labels: whether each was a success.
        probabilities: what was predicted, in [0, 1].
        threshold: chosen on other rows than these.

    Raises:
        DataError: no row, another number of rows, or what is no probability.
    """
    if len(labels) != len(probabilities) or not len(labels):
        raise DataError(
            f"found {len(probabilities)} probabilities of {len(labels)} rows, expected one each, at least 1"
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise DataError("found numbers outside of [0, 1], or missing ones, expected a probability for each row")
    rate = float(labels.mean())
    both = 0.0 < rate < 1.0
    loss = float(row_log_loss(labels, probabilities).mean())
    entropy = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate)) if both else 0.0
    curve = calibration_curve(labels, probabilities)
    said = probabilities >= threshold
    hits = float((said & labels).sum())
    precision = hits / said.sum() if said.any() else 0.0
    recall = hits / labels.sum() if labels.any() else 0.0
    return ProbabilityQuality(
        rows=len(labels),
        base_rate=rate,
        mean_probability=float(probabilities.mean()),
        log_loss=loss,
        normalised_entropy=float(loss / entropy) if both else None,
        auc=float(roc_auc_score(labels, probabilities)) if both else None,
        pr_auc=float(average_precision_score(labels, probabilities)) if both else None,
        ece=sum(each.rows * abs(each.predicted - each.observed) for each in curve) / len(labels),
        threshold=threshold,
        precision=float(precision),
        recall=float(recall),
        f1=float(2 * precision * recall / (precision + recall)) if hits else 0.0,
        curve=curve,
    )


def row_log_loss(labels: Labels, probabilities: Probabilities) -> Probabilities:
    """−log of the probability of what happened, in nats, per row."""
    sure = np.clip(probabilities, SURE, 1 - SURE)
    return -np.where(labels, np.log(sure), np.log1p(-sure))


def calibration_curve(labels: Labels, probabilities: Probabilities) -> tuple[CalibrationBin, ...]:
    """BINS bins of about as many rows each, lowest probability first; rows of one probability are in one bin."""
    order = np.argsort(probabilities, kind="stable")
    ranked = probabilities[order]
    starts = np.linspace(0, len(order), BINS + 1)[1:-1].astype(np.int64)
    edges = np.unique(np.searchsorted(ranked, ranked[starts]))
    return tuple(
        CalibrationBin(predicted=float(probabilities[rows].mean()), observed=float(labels[rows].mean()), rows=len(rows))
        for rows in np.split(order, edges)
        if len(rows)
    )


def best_threshold(labels: Labels, probabilities: Probabilities) -> float:
    """The threshold with the largest F1 on these rows, which are not judged with it; both kinds of rows occur."""
    precision, recall, thresholds = precision_recall_curve(labels, probabilities)
    f1 = 2 * precision * recall / np.maximum(precision + recall, SURE)
    return float(thresholds[int(np.argmax(f1[:-1]))])
