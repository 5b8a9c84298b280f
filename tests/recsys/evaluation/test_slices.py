from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.evaluation.facts import Facts
from recsys.evaluation.report import LIVE, RANKED, EvaluationReport, evaluate
from recsys.evaluation.slices import Slice

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
EVENTS = {"one": 2, "busy": 40, "also_busy": 25}
"""Users with history; cold ones have none."""
HISTORY = pl.DataFrame(
    [(user, f"old{n % 3}", NOW - timedelta(days=1 + n)) for user, events in EVENTS.items() for n in range(events)],
    schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String, c.TIMESTAMP: TIME},
    orient="row",
)
ITEMS = pl.DataFrame({c.ITEM_ID: ["new", "old0", "old1", "old2"], c.CATEGORY: ["toys", "toys", "books", None]})
TRUTH = pl.DataFrame(
    [("one", "old0"), ("busy", "old0"), ("busy", "new"), ("also_busy", "old1"), ("cold", "new")],
    schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String},
    orient="row",
)
RIGHT = TRUTH.with_columns(pl.lit(1).alias(c.RANK)).with_columns(
    (pl.int_range(pl.len()) + 1).over(c.USER_ID).alias(c.RANK)
)
WRONG = TRUTH.select(c.USER_ID).unique().with_columns(pl.lit("old2").alias(c.ITEM_ID), pl.lit(1).alias(c.RANK))


def judge(**slates: pl.DataFrame) -> EvaluationReport:
    return evaluate(
        slates,
        TRUTH,
        warm_users=list(EVENTS),
        catalogue=4,
        window=(NOW, NOW + timedelta(days=7)),
        rng=np.random.default_rng(1),
        facts=Facts.of(HISTORY, ITEMS, as_of=NOW),
    )


REPORT = judge(ranked=RIGHT, popularity=WRONG, als=WRONG)


def named(report: EvaluationReport, by: str) -> dict[str, Slice]:
    return {each.name: each for each in report.slices if each.by == by}


def test_every_user_is_in_one_slice_of_history_and_known_ones_in_one_of_activity():
    sizes = {by: {name: each.users for name, each in named(REPORT, by).items()} for by in ("history", "activity")}
    assert sizes == {
        "history": {"with history": 3, "without history": 1},
        "activity": {"1 to 4 events": 1, "20 to 99 events": 2},
    }


def test_items_are_sliced_by_age_and_category_of_what_was_right():
    ages = {name: each.users for name, each in named(REPORT, "item age").items()}
    assert ages == {"never met before": 2, "30 to 90 days": 3}
    categories = {name: each.users for name, each in named(REPORT, "category").items()}
    assert categories == {"toys": 3, "books": 1}


def test_a_slice_of_items_asks_only_for_its_own_truth():
    """A list that finds nothing new is right for the old and wrong for the new."""
    report = judge(ranked=RIGHT.filter(pl.col(c.ITEM_ID) != "new"), popularity=WRONG)
    ages = named(report, "item age")
    assert ages["30 to 90 days"].metrics[RANKED]["recall@20"] == pytest.approx(1.0)
    assert ages["never met before"].metrics[RANKED]["recall@20"] == 0.0


def test_slices_tell_the_ranked_the_popular_and_the_live_apart():
    cold = named(REPORT, "history")["without history"]
    assert set(cold.metrics) == {RANKED, "popularity"}
    assert cold.lead["popularity"]["ndcg@10"].mean == pytest.approx(1.0)
    assert set(named(judge(ranked=RIGHT, popularity=WRONG, live=RIGHT), "history")["with history"].lead) == {
        "popularity",
        LIVE,
    }


def test_without_categories_there_are_no_slices_of_them():
    facts = Facts.of(HISTORY, ITEMS.with_columns(pl.lit(None, pl.String).alias(c.CATEGORY)), as_of=NOW)
    assert not facts.has_categories


def test_the_whole_report_survives_json_and_an_older_one_is_still_read():
    assert EvaluationReport.model_validate_json(REPORT.model_dump_json()) == REPORT
    older = REPORT.model_dump(mode="json", exclude={"slices", "tests", "lift"})
    assert EvaluationReport.model_validate(older).users == REPORT.users
    assert EvaluationReport.model_validate(older).slices == ()


def test_the_metrics_of_the_catalogue_join_those_of_users():
    metrics = REPORT.contestants[RANKED].metrics
    names = ("coverage", "gini", "novelty", "popularity", "diversity")
    assert {f"{name}@{k}" for name in names for k in (10, 20)} <= set(metrics)
    assert metrics["coverage@10"] == pytest.approx(3 / 4)
