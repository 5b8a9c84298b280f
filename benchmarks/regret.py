"""Whether slates learn what users truly want: regret against an oracle, by days of data.

    python -m benchmarks.regret [--days 8 14 30 60] [--users 3000] [--items 1200]

The simulated shop knows how likely each user's next visit starts at each item. The oracle shows the ten likeliest that
may be shown; regret is what a slate lacks of the oracle's probability, as a share of it: 0 is perfect. Every row learns
from the last days before the same moment, as a release of ``demo_shop`` does.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

import recsys.sites
from recsys import columns as c
from recsys.candidates.popularity import Popularity
from recsys.evaluation.report import RANKED
from recsys.events.simulator import Shop, ShopParams
from recsys.features.feature_set import FeatureSet
from recsys.ranking.ranker import Ranker
from recsys.ranking.slates import rank_rows
from recsys.releases import files as f
from recsys.releases.moments import Log
from recsys.sites.config import WindowPolicy
from recsys.sites.loading import parse_site
from recsys.stages.build_candidates import to_learn

SIZE = 10
SEED = 7
FIRST = date(2026, 1, 1)
TEMPLATE = Path(recsys.sites.__file__).parent / "templates" / "demo_shop.yaml"
WINDOWS = WindowPolicy(label_days=3, label_windows=2, evaluation_days=1)
"""A week of data must be enough to learn from."""
RANDOM = "random"
"""Ten items on sale, drawn evenly."""


@dataclass(frozen=True)
class Regret:
    """What slates lack of the oracle's, as shares of it, after some days of data."""

    days: int
    events: int
    oracle: float
    "Probability that a visit starts at one of the oracle's ten items, mean over the users."
    lacking: dict[str, float]
    "By contestant: ranked, popularity, random."
    seconds: float


def regrets(params: ShopParams, spans: Sequence[int]) -> list[Regret]:
    """One for each number of days, all judged on the day after the longest."""
    shop, until = Shop(params), FIRST + timedelta(days=max(spans))
    days = [FIRST + timedelta(days=number) for number in range(max(spans))]
    events = [shop.events(day) for day in days]
    updates = pl.concat([shop.catalogue(FIRST), *(shop.item_updates(day) for day in days)])
    users = events[-1][c.USER_ID].unique().sort().to_list()
    return [_regret(shop, until, pl.concat(events[-span:]), updates, users, span) for span in spans]


def _regret(
    shop: Shop, until: date, events: pl.DataFrame, updates: pl.DataFrame, users: list[str], span: int
) -> Regret:
    began = time.perf_counter()
    as_of = datetime.combine(until, clock(), UTC)
    site = parse_site(TEMPLATE.read_text(encoding="utf-8"), name=TEMPLATE.stem).model_copy(update={"windows": WINDOWS})
    log = Log(site, events, updates)
    ranker = Ranker(FeatureSet.of_site(site), site.ranker)
    ranker.fit(to_learn(log, as_of)[f.CANDIDATES_TRAIN], rng=np.random.default_rng(SEED))
    moment = log.at(as_of, rng=np.random.default_rng(SEED))
    pool = moment.recall.pool(users, k=site.candidates_per_source, exclude=moment.bought)
    rows = moment.recall.rows(pool)
    popular = pool.filter(pl.col(c.SOURCE) == Popularity.name, pl.col(c.RANK) <= SIZE)
    slates = {
        RANKED: rank_rows(rows, ranker.score(rows), sources=moment.recall.sources, size=SIZE),
        Popularity.name: popular,
    }
    items = moment.recall.items.filter(c.AVAILABLE)[c.ITEM_ID].sort()
    wanted = shop.affinity(users, items.to_list(), until)
    wanted[_places(moment.bought, users, items)] = 0.0
    best = np.sort(wanted, axis=1)[:, -SIZE:].sum(axis=1).mean()
    chance = SIZE * wanted.mean()
    gains = {name: wanted[_places(slate, users, items)].sum() / len(users) for name, slate in slates.items()}
    lacking = {name: float(1 - gain / best) for name, gain in {**gains, RANDOM: chance}.items()}
    return Regret(span, events.height, float(best), lacking, time.perf_counter() - began)


def _places(pairs: pl.DataFrame, users: list[str], items: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the pairs whose user is asked about and whose item is on sale."""
    known = pairs.filter(pl.col(c.USER_ID).is_in(users), pl.col(c.ITEM_ID).is_in(items.implode()))
    rows = pl.Series(users).search_sorted(known[c.USER_ID])
    return rows.cast(pl.Int64).to_numpy(), items.search_sorted(known[c.ITEM_ID]).cast(pl.Int64).to_numpy()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", nargs="+", type=int, default=[8, 14, 30, 60])
    parser.add_argument("--users", type=int, default=3000)
    parser.add_argument("--items", type=int, default=1200)
    options = parser.parse_args()
    print("| days | events | oracle | ranked | popularity | random | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for found in regrets(ShopParams(users=options.users, items=options.items), options.days):
        shares = " | ".join(f"{found.lacking[name]:.3f}" for name in (RANKED, Popularity.name, RANDOM))
        print(f"| {found.days} | {found.events:,} | {found.oracle:.3f} | {shares} | {found.seconds:.0f} |")


if __name__ == "__main__":
    main()
