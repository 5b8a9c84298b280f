from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.events.schema import IMPRESSIONS, INTERACTIONS
from recsys.features.build import Knowledge
from recsys.features.click_rates import CLICK_RATES, click_rates, mean_weight
from recsys.testing.checkerboard import START, catalogue, events

ITEMS = pl.DataFrame({c.ITEM_ID: ["a", "b", "c", "d"], c.CATEGORY: ["x", "x", "y", None]})


def shown(slates: dict[str, list[str]]) -> pl.DataFrame:
    rows = [(f"e{n}", "u", items, START, None, request, None) for n, (request, items) in enumerate(slates.items())]
    return pl.DataFrame(rows, schema=IMPRESSIONS, orient="row")


def acted(*pairs: tuple[str | None, str]) -> pl.DataFrame:
    rows = [(f"c{n}", "u", item, "view", START, None, None, request) for n, (request, item) in enumerate(pairs)]
    return pl.DataFrame(rows, schema=INTERACTIONS, orient="row")


def rates(slates: dict[str, list[str]], *pairs: tuple[str | None, str]) -> dict[str, dict]:
    found = click_rates(shown(slates), acted(*pairs), ITEMS)
    assert found.schema == CLICK_RATES
    return {row[c.ITEM_ID]: row for row in found.iter_rows(named=True)}


def test_an_action_counts_where_its_request_showed_the_item():
    found = rates({"r1": ["a", "b"], "r2": ["a"]}, ("r1", "a"), ("r1", "a"), ("r2", "b"), (None, "a"))
    assert (found["a"][c.SHOWN], found["a"][c.CLICKED]) == (2, 1)
    assert (found["b"][c.SHOWN], found["b"][c.CLICKED]) == (1, 0)
    assert (found["c"][c.SHOWN], found["c"][c.CLICKED]) == (0, 0)


def test_an_item_nobody_was_shown_has_the_rate_of_its_category():
    found = rates({f"r{n}": ["a", "c"] for n in range(20)}, *((f"r{n}", "a") for n in range(9)))
    assert found["b"][c.ITEM_CLICK_RATE] == found["b"][c.CATEGORY_CLICK_RATE] == found["a"][c.CATEGORY_CLICK_RATE]
    assert found["a"][c.CATEGORY_CLICK_RATE] > found["c"][c.CATEGORY_CLICK_RATE]


def test_few_showings_are_drawn_to_the_mean_and_many_speak_for_themselves():
    rng = np.random.default_rng(1)
    truth = rng.beta(2, 38, 400)
    seldom, often = rng.binomial(10, truth), rng.binomial(20_000, truth)
    for times, clicks, nearest in ((10, seldom, False), (20_000, often, True)):
        counts = pl.DataFrame({c.SHOWN: np.full(400, times), c.CLICKED: clicks})
        weight = mean_weight(counts)
        assert weight == pytest.approx(40, rel=0.5)
        drawn = (clicks + weight * 0.05) / (times + weight)
        raw = clicks / times
        assert np.abs(drawn - truth).mean() <= np.abs(raw - truth).mean()
        assert np.allclose(drawn, raw, atol=1e-3) == nearest


def test_rates_that_do_not_differ_are_one_rate():
    counts = pl.DataFrame({c.SHOWN: [1000, 1000, 1000], c.CLICKED: [50, 50, 50]})
    assert mean_weight(counts) > 1e5


@pytest.mark.parametrize("clicks", [[], [("r1", "a")]])
def test_nothing_or_everything_clicked_is_not_an_error(clicks):
    found = rates({"r1": ["a"]}, *clicks)
    assert found["a"][c.ITEM_CLICK_RATE] == pytest.approx(len(clicks))


def test_where_nothing_is_shown_nothing_is_known():
    assert click_rates(IMPRESSIONS.to_frame(), acted(("r1", "a")), ITEMS).is_empty()


def test_the_state_alone_gives_back_what_was_said_of_a_pair(tmp_path):
    """What is kept with a release is all that is needed to describe an item again."""
    log = events([("u", "a", START), ("v", "b", START)]).with_columns(pl.lit("r1").alias(c.REQUEST_ID))
    items = catalogue(log).drop(c.CATEGORY).join(ITEMS, on=c.ITEM_ID, how="left")
    known = Knowledge.of(
        log, items, START + timedelta(days=1), impressions=shown({"r1": ["a", "b"], "r2": ["b", "a"], "r3": ["b"]})
    )
    known.click_rates.write_parquet(tmp_path / "rates.parquet")
    pairs = pl.DataFrame({c.USER_ID: ["u", "u"], c.ITEM_ID: ["a", "b"]})
    again = pairs.join(pl.read_parquet(tmp_path / "rates.parquet"), on=c.ITEM_ID, how="left", maintain_order="left")
    names = [c.ITEM_CLICK_RATE, c.CATEGORY_CLICK_RATE]
    assert_frame_equal(known.describe(pairs).select(names), again.select(pl.col(names).cast(pl.Float32)))
