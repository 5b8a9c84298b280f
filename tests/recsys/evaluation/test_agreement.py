"""The same lists, scored by others: trec_eval, and the scorer of the neutral benchmark where there is one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import pytrec_eval

from recsys import columns as c
from recsys.evaluation.metrics import per_user_metrics

KS = (1, 3, 10, 20)
SHARED = Path(os.environ.get("RECSYS_REAL_DATA") or Path(__file__).parents[4] / "shared" / "data").parent
SCORER = SHARED / "benchmark" / "score.py"


def lists(users: int = 400, items: int = 60) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Slates of up to 25 items, some users without one; truth of 1 to 30 items, so also more than k."""
    rng = np.random.default_rng(5)
    names = np.array([f"i{n:02d}" for n in range(items)])
    shown, right = [], []
    for n in range(users):
        size = int(rng.integers(0, 26))
        shown += [(f"u{n:03d}", item, rank) for rank, item in enumerate(rng.permutation(names)[:size].tolist(), 1)]
        right += [(f"u{n:03d}", item) for item in rng.permutation(names)[: rng.integers(1, 31)].tolist()]
    return (
        pl.DataFrame(shown, schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String, c.RANK: pl.Int32}, orient="row"),
        pl.DataFrame(right, schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String}, orient="row"),
    )


SLATES, TRUTH = lists()
USERS = TRUTH[c.USER_ID].unique().sort().to_list()


def of_trec_eval() -> dict[str, dict[str, float]]:
    """By user; reciprocal rank has no depth there, so it is asked once per depth on lists that are cut."""
    right = {user: {} for user in USERS}
    for user, item in TRUTH.iter_rows():
        right[user][item] = 1
    found: dict[str, dict[str, float]] = {user: {} for user in USERS}
    for k in KS:
        run: dict[str, dict[str, float]] = {user: {"nothing": 0.0} for user in USERS}
        for user, item, rank in SLATES.filter(pl.col(c.RANK) <= k).iter_rows():
            run[user][item] = 1.0 / rank
        measures = {f"recall.{k}", f"P.{k}", f"success.{k}", f"ndcg_cut.{k}", "recip_rank", f"map_cut.{k}"}
        for user, scores in pytrec_eval.RelevanceEvaluator(right, measures).evaluate(run).items():
            relevant = len(right[user])
            found[user] |= {
                f"recall@{k}": scores[f"recall_{k}"],
                f"precision@{k}": scores[f"P_{k}"],
                f"hit_rate@{k}": scores[f"success_{k}"],
                f"ndcg@{k}": scores[f"ndcg_cut_{k}"],
                f"mrr@{k}": scores["recip_rank"],
                # trec_eval divides by all that is relevant, also by what cannot stand in k places
                f"map@{k}": scores[f"map_cut_{k}"] * relevant / min(k, relevant),
            }
    return found


def test_every_metric_of_every_user_agrees_with_trec_eval():
    ours = {row[c.USER_ID]: row for row in per_user_metrics(SLATES, TRUTH, ks=KS).iter_rows(named=True)}
    theirs = of_trec_eval()
    assert set(ours) == set(theirs)
    worst = max(abs(ours[user][metric] - value) for user in USERS for metric, value in theirs[user].items())
    assert worst < 1e-9


@pytest.mark.skipif(not SCORER.exists(), reason=f"no {SCORER}")
def test_every_metric_of_every_user_is_that_of_the_neutral_scorer(tmp_path):
    slates = SLATES.filter(pl.col(c.RANK) <= 20)
    slates.write_parquet(tmp_path / "recs.parquet")
    TRUTH.write_parquet(tmp_path / "truth.parquet")
    TRUTH.head(100).write_parquet(tmp_path / "train.parquet")
    (tmp_path / "users.txt").write_text("\n".join(USERS))
    files = [str(tmp_path / name) for name in ("truth.parquet", "recs.parquet")]
    command = [sys.executable, str(SCORER), *files, "--boot", "0", "--per-user", str(tmp_path / "per_user.parquet")]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    theirs = pl.read_parquet(tmp_path / "per_user.parquet")
    ours = per_user_metrics(slates, TRUTH, ks=(10, 20))
    metrics = [name for name in ours.columns if name != c.USER_ID]
    assert said["users_scored"] == len(USERS)
    assert ours[c.USER_ID].to_list() == theirs[c.USER_ID].to_list()
    assert {m: np.abs(ours[m].to_numpy() - theirs[m].to_numpy()).max() for m in metrics} == pytest.approx(
        dict.fromkeys(metrics, 0.0), abs=1e-15
    )
