"""In what proportion answers should mix what follows from the last events with what was computed offline.

    python -m benchmarks.blending [--data ../shared/data]

Replays four windows of each public log, one before the other, all before the last one, on which releases are judged.
Each user's next item is asked for from what preceded it in the window: item-item neighbours of the last five events,
and a slate of EASE, both of what came before the window; 10 places, nothing that the user touched in the window.
Prints hits, as means over users, with the difference to equal shares and its 95 % interval (normal, over users).
"""

import argparse
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.ease import Ease
from recsys.candidates.item_item import ItemItem
from recsys.candidates.pool import no_pairs
from recsys.events.schema import TIME
from recsys.serving.reading import ScoredItems
from recsys.types import ItemId, UserId
from web_service.blending import Candidate, Signal, blend, online_candidates

SEED = 3
WINDOWS = 4
MOST_USERS = 600
MOST_ITEMS = 4000
MOST_EVENTS = 150_000
STEPS = 12
"Events of a user in a window that are replayed."
ONLINE_EVENTS = 5
HALF_LIFE = 1800.0
"Seconds."
PLACES = 10
RRF_CONSTANT = 60
"Of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."

Lists = tuple[Iterable[Candidate], Iterable[Candidate], Iterable[Candidate]]
"""Online, offline, popular."""
Way = Callable[[Lists, set[ItemId]], list[ItemId]]


def retailrocket(data: Path) -> pl.DataFrame:
    """Views, carts and purchases of a shop: user_id, item_id, timestamp, weight; so do the other logs."""
    weights = {"view": 1.0, "addtocart": 3.0, "transaction": 5.0}
    when = pl.from_epoch("timestamp").cast(TIME)
    return pl.read_csv(data / "retailrocket" / "events.csv").select(
        *_log("visitor", "item", when), pl.col("event").replace_strict(weights).alias(c.WEIGHT)
    )


def movielens(data: Path) -> pl.DataFrame:
    """Ratings of films, as they were given."""
    when = pl.from_epoch("timestamp").cast(TIME)
    ratings = pl.read_csv(data / "movielens_latest_small" / "ratings.csv")
    return ratings.select(*_log("userId", "movieId", when), pl.lit(1.0).alias(c.WEIGHT))


def online_retail(data: Path) -> pl.DataFrame:
    """Lines of a wholesaler's invoices, half a year of them."""
    days = sorted((data / "online_retail").glob("2011-0[4-9]*.csv"))
    lines = pl.concat([pl.read_csv(day, infer_schema=False) for day in days])
    bought = lines.filter(pl.col("Quantity").cast(pl.Float64) > 0).drop_nulls("CustomerID")
    when = pl.col("InvoiceDate").str.to_datetime().cast(TIME)
    return bought.select(*_log("CustomerID", "StockCode", when), pl.lit(1.0).alias(c.WEIGHT))


LOGS = {retailrocket: 7, movielens: 120, online_retail: 7}
"""Days of a window."""


def _log(user: str, item: str, when: pl.Expr) -> list[pl.Expr]:
    texts = {user: c.USER_ID, item: c.ITEM_ID}
    return [*(pl.col(name).cast(pl.String).alias(to) for name, to in texts.items()), when.alias(c.TIMESTAMP)]


def shares(online: float, offline: float) -> Way:
    """As the web service blends with these weights."""

    def way(lists: Lists, hidden: set[ItemId]) -> list[ItemId]:
        parts = list(zip((online, offline, 0.0), lists, strict=True))
        chosen = blend(parts, may_be_shown=lambda item: item not in hidden, k=PLACES)
        return [item for item, *_ in chosen]

    return way


def reciprocal_ranks(online: float, offline: float) -> Way:
    """Both lists fused by weighted reciprocal ranks, then popular items."""

    def way(lists: Lists, hidden: set[ItemId]) -> list[ItemId]:
        scores: dict[ItemId, float] = {}
        for weight, candidates in zip((online, offline), lists, strict=False):
            for rank, (item, *_) in enumerate(islice(candidates, 100), start=1):
                scores[item] = scores.get(item, 0.0) + weight / (RRF_CONSTANT + rank)
        ranked = sorted(scores, key=lambda item: (-scores[item], item))
        popular = (item for item, *_ in lists[2])
        return [item for item in dict.fromkeys([*ranked, *popular]) if item not in hidden][:PLACES]

    return way


EQUAL = "shares 1 : 1"
WAYS: dict[str, Way] = {
    "offline only": lambda lists, hidden: shares(0, 1)(((), *lists[1:]), hidden),
    "shares 1 : 3": shares(1, 3),
    EQUAL: shares(1, 1),
    "shares 2 : 1": shares(2, 1),
    "shares 3 : 1": shares(3, 1),
    "online, then offline": shares(1, 0),
    "reciprocal ranks 1 : 1": reciprocal_ranks(1, 1),
    "reciprocal ranks 2 : 1": reciprocal_ranks(2, 1),
}


def replay(history: pl.DataFrame, window: pl.DataFrame, rng: np.random.Generator) -> Iterator[dict[str, float]]:
    """The share of hits of each way, for each user of the window who can be asked about."""
    popular = history.group_by(c.ITEM_ID).len().sort("len", c.ITEM_ID, descending=[True, False])[c.ITEM_ID].to_list()
    known = popular[:MOST_ITEMS]
    history = history.filter(pl.col(c.ITEM_ID).is_in(known)).tail(MOST_EVENTS)
    window = window.filter(pl.col(c.ITEM_ID).is_in(known))
    users = window.group_by(c.USER_ID).len().filter(pl.col("len") > 1).sort(c.USER_ID)[c.USER_ID].to_numpy()
    users = np.sort(rng.permutation(users)[:MOST_USERS]).tolist()
    items = history.select(c.ITEM_ID).unique().sort(c.ITEM_ID).with_columns(pl.lit(True).alias(c.AVAILABLE))
    similar = {
        item: ScoredItems(tuple(near), tuple(scores))
        for item, near, scores in ItemItem()
        .fit(history, items=items, rng=rng)
        .similar(50)
        .group_by(c.ITEM_ID, maintain_order=True)
        .agg(c.SIMILAR_ITEM_ID, c.SCORE)
        .iter_rows()
    }
    slates: dict[UserId, list[Candidate]] = {}
    proposed = Ease().fit(history, items=items, rng=rng).generate(users, k=100, exclude=no_pairs())
    for user, item in proposed.sort(c.USER_ID, c.RANK).select(c.USER_ID, c.ITEM_ID).iter_rows():
        slates.setdefault(user, []).append((item, 0.0, "ranked:ease", ()))
    rest: list[Candidate] = [(item, 0.0, "popular", ()) for item in known[:100]]
    moment = pl.col(c.TIMESTAMP).dt.timestamp("us") / 1e6
    for (user,), events in window.filter(pl.col(c.USER_ID).is_in(users)).group_by(c.USER_ID, maintain_order=True):
        signals = [Signal(*row) for row in events.select(c.ITEM_ID, c.WEIGHT, moment).head(STEPS).iter_rows()]
        hits: dict[str, list[bool]] = {name: [] for name in WAYS}
        for step in range(1, len(signals)):
            wanted, touched = signals[step].item_id, {signal.item_id for signal in signals[:step]}
            if wanted in touched:
                continue
            heard = signals[:step][::-1][:ONLINE_EVENTS]
            for name, way in WAYS.items():
                online = online_candidates(heard, similar, half_life=HALF_LIFE)
                hits[name].append(wanted in way((online, slates.get(str(user), []), rest), touched))
        if hits[EQUAL]:
            yield {name: float(np.mean(found)) for name, found in hits.items()}


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    for log, days in LOGS.items():
        rng = np.random.default_rng(SEED)
        events = log(data).sort(c.TIMESTAMP, c.USER_ID, c.ITEM_ID)
        newest, length = events[c.TIMESTAMP].max(), timedelta(days=days)
        found = []
        for back in range(1, WINDOWS + 1):
            end = newest - length * back
            inside = (pl.col(c.TIMESTAMP) >= end - length) & (pl.col(c.TIMESTAMP) < end)
            found += replay(events.filter(pl.col(c.TIMESTAMP) < end - length), events.filter(inside), rng)
        hits = pl.DataFrame(found)
        print(f"\n{log.__name__}: {hits.height} users\n\n| rule, online : offline | hits@{PLACES} | to {EQUAL} |")
        print("| --- | --- | --- |")
        for name in WAYS:
            gain = (hits[name] - hits[EQUAL]).to_numpy()
            interval = 1.96 * gain.std() / len(gain) ** 0.5
            print(f"| {name} | {hits[name].mean():.4f} | {gain.mean():+.4f} ± {interval:.4f} |")


if __name__ == "__main__":
    main()
