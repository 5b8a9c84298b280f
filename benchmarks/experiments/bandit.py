"""Off-policy estimates beside the truth: two policies served the same shop side by side, each with its log.

What one policy earned is estimated from the other's log, and compared with what it earned in its own. The random
policy's propensities are 1/80; those of Bernoulli Thompson sampling (bts) for an item that it did not show are not in
the data, so that its shares by position, without their clicks, stand for them.
"""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys.evaluation.bootstrap import mean_interval
from recsys.evaluation.experiments.off_policy import Estimate, Logged, RewardModel, off_policy

SEED = 7
ITEMS = 80
FOLDS = 5
PRIOR_SHOWS = 200.0
"""An item's click rate is drawn towards the mean as if it had been shown so often at it."""
CLIPS = (1e9, 10.0)
Floats = NDArray[np.float64]


def measure(folder: Path) -> None:
    """Prints the table of both directions."""
    logs = {name: pl.read_csv(folder / name / "all" / "all.csv") for name in ("random", "bts")}
    print("\n#### Off-policy estimates on Open Bandit (10,000 rounds each)\n")
    print("| policy ← log | estimate | click rate (95 %) | truth (95 %) | relative error | effective rounds | cut |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for target, source in (("random", "bts"), ("bts", "random")):
        truth = mean_interval(_clicks(logs[target]), rng=np.random.default_rng(SEED))
        rows = _estimates(logs[source], _policy(target, logs))
        for name, clip, found in rows:
            inside = found.interval
            print(
                f"| {target} ← {source} | {name}, {clip} | {inside.mean:.5f} ({inside.low:.5f}–{inside.high:.5f}) "
                f"| {truth.mean:.5f} ({truth.low:.5f}–{truth.high:.5f}) | {inside.mean / truth.mean - 1:+.1%} "
                f"| {found.effective:,.0f} | {found.clipped:.1%} |"
            )
        naive = _clicks(logs[source]).mean()
        print(f"| {target} ← {source} | the log's own rate | {naive:.5f} | | {naive / truth.mean - 1:+.1%} | | |")


def _clicks(log: pl.DataFrame) -> Floats:
    return log["click"].cast(pl.Float64).to_numpy()


def _policy(name: str, logs: dict[str, pl.DataFrame]) -> Floats:
    """Chance of each item at each position, shape (positions, items)."""
    if name == "random":
        return np.full((3, ITEMS), 1 / ITEMS)
    shown = np.zeros((3, ITEMS))
    np.add.at(shown, (logs[name]["position"].to_numpy() - 1, logs[name]["item_id"].to_numpy()), 1.0)
    return shown / shown.sum(axis=1, keepdims=True)


def _estimates(log: pl.DataFrame, policy: Floats) -> list[tuple[str, str, Estimate]]:
    item, place = log["item_id"].to_numpy(), log["position"].to_numpy() - 1
    rounds = np.arange(log.height)
    logged = Logged(_clicks(log), log["propensity_score"].to_numpy(), policy[place, item], rounds)
    expected = _click_rates(item, logged.reward, rounds % FOLDS)
    model = RewardModel(expected[rounds % FOLDS, item], np.einsum("ri,ri->r", policy[place], expected[rounds % FOLDS]))
    rows = []
    for clip in CLIPS:
        found = off_policy(logged, model, clip=clip, rng=np.random.default_rng(SEED))
        rows += [(name, f"weights ≤ {clip:g}" if clip < 1e9 else "all weights", each) for name, each in found.items()]
    return rows


def _click_rates(item: NDArray[np.int64], reward: Floats, fold: NDArray[np.int64]) -> Floats:
    """Each item's click rate from the other folds, shape (folds, items)."""
    rates = []
    for number in range(FOLDS):
        others = fold != number
        shown = np.bincount(item[others], minlength=ITEMS)
        clicked = np.bincount(item[others], weights=reward[others], minlength=ITEMS)
        mean = reward[others].mean()
        rates.append((clicked + PRIOR_SHOWS * mean) / (shown + PRIOR_SHOWS))
    return np.array(rates)
