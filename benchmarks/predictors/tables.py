"""One table per set: every contestant on the same later rows."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recsys.evaluation.bootstrap import Interval, mean_interval
from recsys.predictors.quality import BINS, Labels, Probabilities, probability_quality, row_log_loss

MODEL = "model"
SEED = 7
HEAD = (
    "contestant",
    "log-loss",
    "norm. entropy",
    "AUC",
    "PR-AUC",
    "ECE",
    "precision / recall / F1",
    "model leads (95 %)",
)
RESAMPLES, FEW = 1000, 100_000
"""Draws for intervals; a tenth of them where more than FEW rows, or owners of rows, are drawn."""


def quality_table(
    labels: Labels,
    said: Mapping[str, Probabilities],
    owners: NDArray[np.int64],
    *,
    threshold: float,
    more: Mapping[str, Sequence[str]] | None = None,
    more_head: Sequence[str] = (),
) -> str:
    """Markdown; ``owners`` says whose each row is, numbers from 0; ``more`` are further cells by contestant."""
    lines = [[*HEAD, *more_head], ["---"] * (len(HEAD) + len(more_head))]
    for name, probabilities in said.items():
        found = probability_quality(labels, probabilities, threshold=threshold)
        lead = "–" if name == MODEL else _told(_lead(labels, said[MODEL], probabilities, owners))
        entropy, auc, pr_auc = (
            f"{value:.4f}" if value is not None else "–"
            for value in (found.normalised_entropy, found.auc, found.pr_auc)
        )
        cells = [name, f"{found.log_loss:.4f}", entropy, auc, pr_auc, f"{found.ece:.4f}"]
        cells += [f"{found.precision:.3f} / {found.recall:.3f} / {found.f1:.3f}", lead]
        lines.append([*cells, *(more or {}).get(name, ())])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def error_beside(truth: NDArray[np.float64], probabilities: Probabilities) -> float:
    """The calibration error where true probabilities are known: no chance of clicks is in it, only what is said."""
    order = np.argsort(probabilities, kind="stable")
    off = (probabilities - truth)[order]
    return sum(abs(float(rows.sum())) for rows in np.array_split(off, BINS)) / len(off)


def _lead(labels: Labels, model: Probabilities, rival: Probabilities, owners: NDArray[np.int64]) -> Interval:
    """How much lower the model's log-loss is; owners are drawn with all their rows."""
    less = row_log_loss(labels, rival) - row_log_loss(labels, model)
    sums = np.bincount(owners, weights=less)
    resamples = RESAMPLES if len(sums) <= FEW else RESAMPLES // 10
    return mean_interval(sums * len(sums) / len(less), rng=np.random.default_rng(SEED), resamples=resamples)


def _told(interval: Interval) -> str:
    return f"{interval.mean:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"
