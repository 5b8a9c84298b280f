"""Generators on trial: taken where they help what users then want, left out where not."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates.generator import CANDIDATES
from recsys.datasets.splits import label_windows
from recsys.evaluation.contestants import RANKED
from recsys.events.schema import INTERACTIONS
from recsys.features.feature_set import FeatureSet
from recsys.ranking.candidate_rows import Recall, fit_recall
from recsys.ranking.heard import Heard
from recsys.sites.config import ComponentSpec, InteractionType, SiteConfig
from recsys.sites.ranker_policy import RankerPolicy
from recsys.stages.generators_on_trial import Trial, TrialReport
from recsys.stages.offline_by_time import catalogue_of, contest
from recsys.steps import Steps

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
ITEMS = [f"i{n:02}" for n in range(40)]
USERS = [f"u{n:02}" for n in range(40)]
ON_TRIAL = [ComponentSpec(kind="trending")]
SITE = SiteConfig(
    site="shop",
    source=ComponentSpec(kind="none"),
    interactions=(InteractionType(name="view"),),
    candidates=(ComponentSpec(kind="popularity"),),
    ranker=RankerPolicy(iterations=30),
    serving={"exclude_bought": False},
)
WINDOWS = label_windows(AS_OF, SITE.windows)


def recall_at(moment: datetime, specs: list[ComponentSpec]) -> Recall:
    past = [
        (f"{n}", "old", item, "view", moment - timedelta(days=1 + n), 1.0, None, None) for n, item in enumerate(ITEMS)
    ]
    log = pl.DataFrame(past, schema=INTERACTIONS, orient="row")
    rng = np.random.default_rng(1)
    return fit_recall(log, catalogue_of(log, None), specs=specs, types=SITE.interactions, as_of=moment, rng=rng)


def window(moment: datetime, *, right: bool, seed: int) -> Heard:
    """Each wants three of the ten most popular; trending puts these first or, if not right, what nobody wants."""
    rng = np.random.default_rng(seed)
    said, wanted = [], []
    for user in USERS:
        wishes = rng.choice(ITEMS[:10], size=3, replace=False).tolist()
        others = [item for item in ITEMS if item not in wishes]
        trending = wishes + others if right else [*ITEMS[10:], *rng.permutation(ITEMS[:10]).tolist()]
        wanted += [(user, item, 1) for item in wishes]
        for source, order in (("popularity", ITEMS), ("trending", trending)):
            said += [(user, item, source, 1.0 - n / 100, n + 1) for n, item in enumerate(order)]
    pool = pl.DataFrame(said, schema=CANDIDATES, orient="row")
    labels = pl.DataFrame(wanted, schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String, c.LABEL: pl.Int32}, orient="row")
    return Heard(recall_at(moment, [*SITE.candidates, *ON_TRIAL]), pool, labels)


def tried(*right: bool) -> tuple[SiteConfig, pl.DataFrame, TrialReport]:
    trial = Trial(SITE, ON_TRIAL, rng=np.random.default_rng(5), steps=Steps())
    for number, (each, is_right) in enumerate(zip(WINDOWS, right, strict=False)):
        trial.add(window(each.start, right=is_right, seed=number))
    return trial.verdict()


def test_what_helps_is_taken_and_the_ranker_learns_from_it():
    site, rows, report = tried(True, True, True, True)
    assert [spec.kind for spec in site.candidates] == ["popularity", "trending"]
    assert report.taken
    assert report.kinds == ("trending",)
    assert report.users == 2 * len(USERS)
    assert report.changes["ndcg@10"] > 0.2
    assert report.reason.startswith("taken: with trending slates change by +")
    assert set(FeatureSet.of_site(site).names) <= set(rows.columns)
    assert rows[c.AS_OF].n_unique() == len(WINDOWS)


def test_what_harms_is_left_out_though_it_helped_before():
    site, rows, report = tried(True, True, False, False)
    assert site == SITE
    assert not report.taken
    assert report.changes["ndcg@10"] < 0
    assert report.reason.startswith("left out: with trending slates change by -")
    assert c.source_rank("trending") not in rows.columns


def test_the_same_windows_give_the_same_verdict_and_rows():
    (_, rows, report), (_, again, same) = tried(True, True, True, False), tried(True, True, True, False)
    assert report == same
    assert rows.equals(again)


def test_rows_of_the_sites_own_generators_are_those_without_a_trial():
    heard = window(WINDOWS[0].start, right=True, seed=0)
    own = Recall(
        tuple(one for one in heard.recall.generators if one.name == "popularity"),
        heard.recall.interactions,
        heard.recall.items,
        heard.recall.as_of,
    )
    expected = own.rows(heard.pool.filter(pl.col(c.SOURCE) == "popularity", pl.col(c.RANK) <= 30))
    narrow = heard.pool.filter((pl.col(c.SOURCE) != "popularity") | (pl.col(c.RANK) <= 30))
    assert Heard(heard.recall, narrow, heard.labels).rows(["popularity"], 30).equals(expected)


@pytest.mark.parametrize(
    ("on_trial", "kinds", "said"),
    [
        ([], (), "left out: no generator was on trial"),
        ([ComponentSpec(kind="popularity")], (), "left out: no generator was on trial"),
        (ON_TRIAL, ("trending",), "left out: nothing to compare with"),
    ],
    ids=["switched off", "the site's own", "one window"],
)
def test_nothing_is_taken_where_nothing_can_be_compared(
    on_trial: list[ComponentSpec], kinds: tuple[str, ...], said: str
):
    trial = Trial(SITE, on_trial, rng=np.random.default_rng(5), steps=Steps())
    trial.add(window(WINDOWS[0].start, right=True, seed=0))
    site, _, report = trial.verdict()
    assert (site, report.taken, report.kinds) == (SITE, False, kinds)
    assert report.reason.startswith(said)


def test_a_contest_has_no_trial_unless_asked():
    rng = np.random.default_rng(3)
    log = pl.DataFrame(
        [
            (user, f"i{item:03}", AS_OF - timedelta(days=70 - day))
            for user in USERS[:20]
            for day, item in enumerate(rng.choice(120, size=70, replace=False).tolist())
        ],
        schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String, c.TIMESTAMP: INTERACTIONS[c.TIMESTAMP]},
        orient="row",
    ).with_columns(pl.lit("view").alias(c.EVENT_TYPE))
    without = contest(log, None, USERS[:3], k=5, steps=Steps())
    assert without.trial == TrialReport(kinds=(), taken=False, reason="left out: no generator was on trial")
    assert set(without.slates) == {RANKED, "popularity", "als", "ease", "item_item"}
