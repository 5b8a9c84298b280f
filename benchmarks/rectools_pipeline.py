"""RecTools' two-stage pipeline on a file of events; `benchmarks.against_rectools` runs it with RecTools' own Python.

    PYTHON rectools_pipeline.py EVENTS USERS OUT CANDIDATES TREES DEPTH

EVENTS is a CSV of user_id, item_id, timestamp; USERS has an id a line; OUT gets user_id, item_id, rank as CSV: 20 items
for every user of the events, and what is popular for those of USERS without any. Prints one JSON object: seconds and
cpu_seconds, from the table in memory to all slates, and peak_bytes. As in RecTools' tutorial of its
``CandidateRankingModel``: one label window, three negatives a user, CatBoost's YetiRank. TREES and DEPTH of 0 are
CatBoost's own.
"""

import json
import resource
import sys
import time
from pathlib import Path

import pandas as pd
from catboost import CatBoostRanker
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from rectools import Columns
from rectools.dataset import Dataset
from rectools.model_selection import TimeRangeSplitter
from rectools.models import EASEModel, ImplicitALSWrapperModel, ImplicitItemKNNWrapperModel, PopularModel
from rectools.models.ranking import (
    CandidateGenerator,
    CandidateRankingModel,
    CatBoostReranker,
    PerUserNegativeSampler,
)

SIZE = 20
SEED = 7
THREADS = 2
LABELS = "14D"


def model(candidates: int, trees: int, depth: int) -> CandidateRankingModel:
    """The generators of a site's defaults, in the sizes they have there, under RecTools' ranker."""
    factors = AlternatingLeastSquares(
        factors=64, regularization=0.05, alpha=10.0, iterations=12, num_threads=THREADS, random_state=SEED
    )
    generators = [
        PopularModel(period=pd.Timedelta(days=7)),
        ImplicitALSWrapperModel(factors, recommend_n_threads=THREADS),
        EASEModel(recommend_n_threads=THREADS),
        ImplicitItemKNNWrapperModel(CosineRecommender(K=200, num_threads=THREADS)),
    ]
    told = {name: value for name, value in (("iterations", trees), ("depth", depth)) if value}
    ranker = CatBoostRanker(loss_function="YetiRank", random_state=SEED, thread_count=THREADS, verbose=False, **told)
    return CandidateRankingModel(
        [CandidateGenerator(each, candidates, keep_ranks=True, keep_scores=True) for each in generators],
        TimeRangeSplitter(LABELS, n_splits=1, filter_already_seen=True),
        CatBoostReranker(ranker),
        PerUserNegativeSampler(n_negatives=3, random_state=SEED),
    )


def main() -> None:
    """Reads the command line."""
    events, asked, out = map(Path, sys.argv[1:4])
    candidates, trees, depth = map(int, sys.argv[4:])
    log = pd.read_csv(events, dtype=str).rename(columns={"timestamp": Columns.Datetime}).assign(weight=1.0)
    log[Columns.Datetime] = pd.to_datetime(log[Columns.Datetime])
    began, worked = time.perf_counter(), time.process_time()
    dataset = Dataset.construct(log)
    users = log[Columns.User].unique()
    pipeline = model(candidates, trees, depth).fit(dataset)
    slates = pipeline.recommend(users, dataset, k=SIZE, filter_viewed=True)
    popular = pipeline.cand_gen_dict["PopularModel_1"].model.recommend(users[:1], dataset, k=SIZE, filter_viewed=False)[
        [Columns.Item, Columns.Rank]
    ]
    strangers = sorted(set(asked.read_text(encoding="utf-8").split()) - set(users))
    unknown = pd.DataFrame({Columns.User: strangers}).merge(popular, how="cross")
    found = pd.concat([slates[[*Columns.UserItem, Columns.Rank]], unknown])
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    found.to_csv(out, index=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "cpu_seconds": worked, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
