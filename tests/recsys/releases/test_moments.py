"""What each moment knows, on a hand-written log."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates.registry import read_of_the_catalogue
from recsys.datasets.blobs import LocalBlobs
from recsys.datasets.manifest import Partition
from recsys.datasets.store import DatasetStore
from recsys.datasets.tables import INTERACTED
from recsys.events.counts import NO_ROWS
from recsys.events.schema import IMPRESSIONS, INTERACTIONS, ITEM_UPDATES
from recsys.releases import moments
from recsys.releases.moments import Log, partitions_before
from recsys.sites import ComponentSpec, SiteConfig, parse_site

NOON = datetime(2026, 5, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

SITE = """
site: shop
source: {kind: simulator}
interactions: [{name: view}, {name: purchase, weight: 5.0}]
"""


@pytest.fixture
def site() -> SiteConfig:
    return parse_site(SITE, name="shop.yaml")


def events(*rows: tuple[str, str, str, datetime]) -> pl.DataFrame:
    return pl.DataFrame(
        [(f"e{n}", user, item, kind, when, None, None, None) for n, (user, item, kind, when) in enumerate(rows)],
        schema=INTERACTIONS,
        orient="row",
    )


def log_of(site: SiteConfig, interactions: pl.DataFrame) -> Log:
    return Log(site, interactions, pl.DataFrame(schema=ITEM_UPDATES))


def test_bought_counts_before_the_moment_alone(site: SiteConfig):
    log = log_of(
        site, events(("a", "x", "purchase", NOON - HOUR), ("a", "y", "purchase", NOON), ("a", "z", "view", NOON - HOUR))
    )
    assert log.bought_before(NOON).rows() == [("a", "x")]
    assert log.bought_before(NOON + HOUR).rows() == [("a", "x"), ("a", "y")]


def test_a_site_that_blocks_repeats_bars_everything_known(site: SiteConfig):
    strict = site.model_copy(update={"serving": site.serving.model_copy(update={"repeats": "block"})})
    log = log_of(strict, events(("a", "x", "purchase", NOON), ("a", "z", "view", NOON - HOUR)))
    assert log.bought_before(NOON).rows() == [("a", "z")]


def test_what_users_know_is_listed_with_what_they_bought(site: SiteConfig, monkeypatch: pytest.MonkeyPatch):
    log = log_of(
        site,
        events(
            ("a", "x", "view", NOON - 3 * HOUR),
            ("a", "x", "purchase", NOON - 2 * HOUR),
            ("a", "y", "view", NOON - HOUR),
            ("a", "z", "view", NOON),
            ("b", "x", "view", NOON - HOUR),
        ),
    )
    assert log.known_before(NOON).rows() == [("a", "y", False), ("a", "x", True), ("b", "x", False)]
    monkeypatch.setattr(moments, "KNOWN_ITEMS", 1)
    assert log.known_before(NOON).rows() == [("a", "y", False), ("b", "x", False)]


def test_known_items_are_weighed_as_the_site_says(site: SiteConfig):
    past = events(("a", "x", "view", NOON - HOUR), ("b", "y", "view", NOON - HOUR))
    asked = pl.DataFrame({c.USER_ID: ["a", "a"], c.ITEM_ID: ["x", "y"]})
    for repeats, sign in (("decay", -1), ("favour", 1)):
        serving = site.serving.model_copy(update={"repeats": repeats})
        log = log_of(site.model_copy(update={"serving": serving}), past)
        weigh = log.at(NOON, rng=np.random.default_rng(1)).repeat_weights
        known, new = weigh(asked, np.zeros(2))
        assert np.sign(known) == sign
        assert new == 0
    assert log_of(site, past).at(NOON, rng=np.random.default_rng(1)).repeat_weights is None


def test_texts_are_read_where_a_generator_looks_at_them(site: SiteConfig):
    assert read_of_the_catalogue(site.candidates) == set()
    assert read_of_the_catalogue([ComponentSpec(kind="content")]) == {c.TEXT, c.ATTRIBUTES}


def test_a_site_that_allows_repeats_bars_nothing(site: SiteConfig):
    free = site.model_copy(update={"serving": site.serving.model_copy(update={"exclude_bought": False})})
    log = log_of(free, events(("a", "x", "purchase", NOON - HOUR)))
    assert log.bought_before(NOON).is_empty()


def test_a_moment_knows_nothing_of_its_own_time_or_later(site: SiteConfig):
    log = log_of(site, events(*[("a", f"i{n}", "view", NOON + n * HOUR) for n in range(-5, 5)]))
    moment = log.at(NOON, rng=np.random.default_rng(0))
    assert moment.recall.interactions[c.TIMESTAMP].max() == NOON - HOUR
    assert set(moment.recall.items[c.ITEM_ID]) == {f"i{n}" for n in range(-5, 0)}
    assert moment.users == ["a"]


def test_what_a_moment_costs_is_taken_down_with_the_log(site: SiteConfig):
    log = log_of(site, events(("a", "x", "view", NOON - HOUR), ("b", "y", "view", NOON - HOUR)))
    log.at(NOON, rng=np.random.default_rng(0)).rows(["a", "b"], k=5)
    kinds = [spec.kind for spec in site.candidates]
    done = [*(f"fit {kind}" for kind in kinds), *(f"ask {kind}" for kind in kinds), "describe"]
    assert [step.step for step in log.steps.ended] == [f"{NOON:%Y-%m-%d %H:%M}: {name}" for name in done]


def test_history_days_bound_what_is_looked_at(site: SiteConfig):
    short = site.model_copy(update={"windows": site.windows.model_copy(update={"history_days": 1})})
    log = log_of(short, events(("a", "old", "view", NOON - 25 * HOUR), ("a", "new", "view", NOON - HOUR)))
    assert log.before(NOON)[c.ITEM_ID].to_list() == ["new"]


def test_the_log_forgets_who_asked_for_it_and_reads_part_of_a_day(site: SiteConfig, tmp_path: Path):
    store = DatasetStore(LocalBlobs(tmp_path))
    rows = events(
        ("a", "x", "view", NOON - 3 * HOUR), ("b", "x", "view", NOON - HOUR), ("a", "y", "view", NOON - HOUR),
        ("b", "z", "view", NOON + HOUR),
    )  # fmt: skip
    store.commit(Partition(site="shop", day=date(2026, 5, 10)), {INTERACTED: rows}, counts=NO_ROWS)
    whole = Log.read(store, site, as_of=NOON, erased={})
    assert [(step.step, step.rows) for step in whole.steps.ended] == [("read the log", 3)]
    assert whole.interactions.select(c.USER_ID, c.ITEM_ID).rows() == [("a", "x"), ("b", "x"), ("a", "y")]
    without = Log.read(store, site, as_of=NOON, erased={"a": NOON - 2 * HOUR, "stranger": NOON})
    assert without.interactions.select(c.USER_ID, c.ITEM_ID).rows() == [("b", "x"), ("a", "y")]
    assert without.interactions.schema == INTERACTIONS


def test_partitions_before_a_moment_include_the_day_it_lies_in(site: SiteConfig, tmp_path: Path):
    store = DatasetStore(LocalBlobs(tmp_path))
    for day in (9, 10, 11):
        store.commit(Partition(site="shop", day=date(2026, 5, day)), {}, counts=NO_ROWS)

    def days(as_of: datetime | None) -> list[int]:
        return [manifest.day.day for manifest in partitions_before(store, "shop", as_of)]

    assert days(NOON) == [9, 10]
    assert days(datetime(2026, 5, 10, tzinfo=UTC)) == [9]
    assert days(None) == [9, 10, 11]


def test_what_was_shown_later_is_not_known(site: SiteConfig):
    known = events(("a", "x", "view", NOON - 2 * HOUR), ("b", "y", "view", NOON - 2 * HOUR))
    shown = pl.DataFrame(
        [(f"i{n}", "a", ["x", "y"], when, None, f"r{n}", None) for n, when in enumerate((NOON - HOUR, NOON))],
        schema=IMPRESSIONS,
        orient="row",
    )
    log = Log(site, known, pl.DataFrame(schema=ITEM_UPDATES), impressions=shown)
    for moment, times in ((NOON, 1), (NOON + HOUR, 2)):
        recall = log.at(moment, rng=np.random.default_rng(7), specs=[ComponentSpec(kind="popularity")]).recall
        assert recall.knowledge.click_rates[c.SHOWN].to_list() == [times, times]
