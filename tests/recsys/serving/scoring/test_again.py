"""A few events told again give what the pipeline says when they are in the log."""

import asyncio
import copy
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates.history import History
from recsys.features.build import Knowledge
from recsys.local.servers.postgres import create_database
from recsys.releases import files as f
from recsys.serving import publishing
from recsys.serving.migrate import migrate
from recsys.serving.reading import ScoredItems
from recsys.serving.scoring.scorer import Scorer
from recsys.serving.scoring.writing import write_parts
from recsys.testing.ranked_release import AS_OF, make_ranked_release

VIEW, CART = 1.0, 3.0
PROPOSED = 100
SOURCE = "item_item"
AGAIN = [of(SOURCE) for of in (c.source_score, c.source_share, c.source_rank)]
COUNTED = [
    *(c.PAIR_EVENTS, c.PAIR_WEIGHT, c.PAIR_DAYS_SINCE_LAST, c.CATEGORY_AFFINITY, c.CATEGORY_DAYS_SINCE_LAST),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_ranked_release(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def scorer(postgres, made, tmp_path_factory):
    create_database(postgres, "again")
    dsn = postgres.model_copy(update={"recsys_postgres_database": "again"}).postgres_dsn()
    migrate(dsn)
    exchange, folder = tmp_path_factory.mktemp("exchange"), tmp_path_factory.mktemp("host") / "first.ranker"
    made.store.export(exchange)
    publishing.record_release(dsn, "ranked_shop", "first", as_of=AS_OF, at=AS_OF, state="gated")
    publishing.publish(dsn, "ranked_shop", "first", exchange, made.rows)
    asyncio.run(write_parts(dsn, "first", folder, most_users=1000))
    return Scorer(folder)


@pytest.fixture(scope="module")
def similar(made):
    by_item = made.store.get_frame(f.SIMILAR).sort(c.ITEM_ID, c.RANK).group_by(c.ITEM_ID, maintain_order=True)
    lists = by_item.agg(c.SIMILAR_ITEM_ID, c.SCORE)
    return {item: ScoredItems(near, scores) for item, near, scores in lists.iter_rows()}


@pytest.fixture(scope="module")
def fitted(made):
    """All generators of the site, fitted until AS_OF."""
    return made.log.at(AS_OF, rng=np.random.default_rng(made.manifest.seed))


def heard_by_the_pipeline(fitted, user, events):
    """The user's candidates, had these events been in the log as its last."""
    recall = fitted.recall
    last = recall.interactions.sort(c.TIMESTAMP).tail(1)
    new = pl.concat(
        last.with_columns(
            pl.lit(user).alias(c.USER_ID),
            pl.lit(item).alias(c.ITEM_ID),
            pl.lit("view" if weight == VIEW else "cart").alias(c.EVENT_TYPE),
            pl.lit(weight, dtype=pl.Float32).alias(c.WEIGHT),
            pl.lit(f"new-{n}").alias(c.EVENT_ID),
            pl.lit("new").alias(c.SESSION_ID),
        )
        for n, (item, weight) in enumerate(events)
    )
    known = pl.concat([recall.interactions, new])
    generators = [copy.copy(one) for one in recall.generators]
    for one in generators:
        if one.name == SOURCE:
            history = History.of(known, half_life_days=one.params.query_half_life_days, repeats="best")
            one._history = history
    then = replace(recall, generators=tuple(generators), interactions=known)
    vars(then)["knowledge"] = Knowledge.of(known, recall.items, AS_OF)
    (rows,) = then.answer([user], k=PROPOSED, exclude=fitted.bought)
    return rows


@pytest.mark.parametrize("seed", range(8))
def test_it_is_as_if_the_events_were_in_the_log(made, scorer, similar, fitted, seed):
    rng = np.random.default_rng(seed)
    user = str(rng.choice(made.moment.users))
    bought = made.moment.bought.filter(pl.col(c.USER_ID) == user)[c.ITEM_ID].to_list()
    new = [item for item in similar if item not in bought]
    events = [(str(item), float(rng.choice([VIEW, CART]))) for item in rng.choice(new, size=3)]
    expected = heard_by_the_pipeline(fitted, user, events)

    told = [(item, weight, similar[item]) for item, weight in events]
    names = made.ranker.features.numeric
    rows = scorer.rows(user, expected[c.ITEM_ID].to_list(), told)
    found = {name: rows[:, names.index(name)] for name in names}

    for name in COUNTED:
        wanted = expected[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        near = 0.06 if name.endswith("since_last") else 1e-5  # the log's last event is not quite at as_of
        np.testing.assert_allclose(found[name], wanted, atol=near, rtol=near, err_msg=name)
    score, share, rank = (expected[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in AGAIN)
    np.testing.assert_allclose(found[AGAIN[1]], share, rtol=1e-3, err_msg="share")
    np.testing.assert_allclose(found[AGAIN[0]], score, rtol=0.01, err_msg="score, in units of another mean weight")
    np.testing.assert_allclose(found[AGAIN[2]], rank, atol=1.0, err_msg="rank, but for ties")
    assert (found[AGAIN[2]] == rank).mean() > 0.9
    np.testing.assert_array_equal(found[c.N_SOURCES], expected[c.N_SOURCES].to_numpy())


def test_nothing_told_changes_nothing(made, scorer):
    user = made.moment.users[0]
    items = made.candidates.filter(pl.col(c.USER_ID) == user)[c.ITEM_ID].to_list()
    assert np.array_equal(scorer.rows(user, items), scorer.rows(user, items, []), equal_nan=True)
    unknown = [("no such item", CART, ScoredItems())]
    assert np.array_equal(scorer.rows(user, items), scorer.rows(user, items, unknown), equal_nan=True)


def test_what_the_release_knows_already_counts_once(made, scorer, similar):
    """Evidence takes an item as its heaviest event: one that was in the log adds nothing."""
    strong = made.log.interactions.filter(pl.col(c.EVENT_TYPE) == "cart").sort(c.TIMESTAMP).tail(1)
    user, item = strong.select(c.USER_ID, c.ITEM_ID).row(0)
    items = made.candidates.filter(pl.col(c.USER_ID) == user)[c.ITEM_ID].to_list()
    place = [made.ranker.features.numeric.index(name) for name in AGAIN]
    before = scorer.rows(user, items)[:, place]
    same = scorer.rows(user, items, [(item, VIEW, similar[item])])[:, place]
    np.testing.assert_allclose(same, before, rtol=1e-6)
