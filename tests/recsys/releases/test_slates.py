"""From ranked candidates to rows that are served, on hand-written candidates."""

from datetime import UTC, datetime

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.item_item import ItemItem
from recsys.evaluation.contestants import BEFORE_RERANKING, LIVE, RANKED
from recsys.events.schema import INTERACTIONS, ITEMS
from recsys.ranking.slates import SLATES
from recsys.releases.slates import contestants, recommendations

SOURCES = ["popularity", "als"]


def test_a_generator_shows_the_popular_to_users_it_knows_nothing_of():
    rows = pl.DataFrame(
        {
            c.USER_ID: ["warm", "warm", "cold"],
            c.ITEM_ID: ["hit", "niche", "hit"],
            c.source_rank("popularity"): [1, None, 1],
            c.source_rank("als"): [2, 1, None],
        }
    )
    found = contestants(rows, {}, SOURCES)
    als = found["als"].sort(c.USER_ID, c.RANK).rows()
    assert als == [("cold", "hit", 1), ("warm", "niche", 1), ("warm", "hit", 2)]
    assert found["popularity"].sort(c.USER_ID).rows() == [("cold", "hit", 1), ("warm", "hit", 1)]


class ByRank:
    """Scores rows by the generator's own order."""

    def score(self, rows: pl.DataFrame) -> np.ndarray:
        return -rows[c.source_rank("popularity")].to_numpy().astype(np.float64)


def test_re_ranked_slates_are_judged_beside_the_rankers_own():
    items = [f"i{n:02d}" for n in range(30)]
    rows = pl.DataFrame(
        {c.USER_ID: ["u"] * 30, c.ITEM_ID: items, c.source_rank("popularity"): range(1, 31)}
    ).with_columns(pl.lit(None, pl.Int64).alias(c.source_rank("als")))

    def turned(slates: pl.DataFrame) -> pl.DataFrame:
        return slates.with_columns(pl.col(c.ITEM_ID).reverse())

    found = contestants(rows, {RANKED: ByRank(), LIVE: ByRank()}, SOURCES, size=30, rerank=turned)
    assert found[RANKED][c.ITEM_ID].to_list() == items[:9:-1], "the whole slate is re-ranked, then cut to what counts"
    assert found[LIVE].equals(found[RANKED])
    assert found[BEFORE_RERANKING][c.ITEM_ID].to_list() == items[:20]
    assert BEFORE_RERANKING not in contestants(rows, {RANKED: ByRank()}, SOURCES)


def test_a_users_row_has_its_slate_in_order_with_reasons_and_what_it_must_not_show():
    when = datetime(2026, 5, 1, tzinfo=UTC)
    pairs = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("c", "x")]
    history = pl.DataFrame(
        [(f"e{n}", user, item, "view", when, None, None, None) for n, (user, item) in enumerate(pairs)],
        schema=INTERACTIONS,
        orient="row",
    ).with_columns(pl.lit(1.0, pl.Float32).alias(c.WEIGHT))
    items = pl.DataFrame({c.ITEM_ID: ["x", "y"], c.AVAILABLE: [True, True]})
    items = items.select([pl.col(n) if n in items.columns else pl.lit(None, k).alias(n) for n, k in ITEMS.items()])
    explainer = ItemItem().fit(history, items=items, rng=np.random.default_rng(0))
    ranked = pl.DataFrame(
        [("c", "z", "popularity", 0.1, 2, []), ("c", "y", "als", 0.9, 1, [])], schema=SLATES, orient="row"
    )
    bought = pl.DataFrame({c.USER_ID: ["c", "d"], c.ITEM_ID: ["x", "y"]})
    known = pl.DataFrame({c.USER_ID: ["c", "c", "d"], c.ITEM_ID: ["y", "x", "y"], c.BOUGHT: [False, True, False]})

    [row] = recommendations(ranked, bought, known, explainer).rows(named=True)
    assert row[c.USER_ID] == "c"
    assert row[c.ITEM_IDS] == ["y", "z"]
    assert row[c.SOURCES] == ["ranked:als", "ranked:popularity"]
    assert row[c.BECAUSE_ITEMS] == [["x"], []]
    assert row[c.EXCLUDED_ITEMS] == ["x"]
    assert (row[c.BOUGHT_ITEMS], row[c.SEEN_ITEMS]) == (["x"], ["y"])
    assert c.PROPENSITIES not in row

    explored = ranked.with_columns(pl.Series(c.PROPENSITY, [0.25, 0.75]))
    [row] = recommendations(explored, bought, known, explainer).rows(named=True)
    assert (row[c.ITEM_IDS], row[c.PROPENSITIES]) == (["y", "z"], [0.75, 0.25])
