"""Releases with one thing wrong each are refused, each for its own reason; the honest twin is accepted."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.releases import files as f
from recsys.releases.moments import EXPLAINED_BY, Log, Moment
from tests.recsys.releases.gate.conftest import AS_OF, Made, Make


def lead(made: Made) -> str:
    """The first fault: what the sentence begins with."""
    decision = made.examination.decision
    assert not decision.accepted
    return decision.reason.split("; ")[0]


def test_the_honest_twin_is_accepted_by_every_check(honest: Made):
    decision = honest.examination.decision
    assert decision.accepted, decision.reason
    assert all(check.passed for check in decision.checks)
    assert len(decision.checks) >= 14


def shuffled_within(rows: pl.DataFrame) -> pl.Expr:
    return pl.col(c.LABEL).shuffle(seed=3).over(c.AS_OF, c.USER_ID)


def shuffled_everywhere(rows: pl.DataFrame) -> pl.Expr:
    return pl.col(c.LABEL).shuffle(seed=3)


@pytest.mark.parametrize("shuffled", [shuffled_within, shuffled_everywhere])
def test_shuffled_labels(log: Log, make: Make, shuffled):
    def tamper(files):
        rows = files[f.CANDIDATES_TRAIN]
        return {**files, f.CANDIDATES_TRAIN: rows.with_columns(shuffled(rows))}

    said = lead(make(log, tamper=tamper))
    assert "what the generators tell of the labels that were learned" in said
    assert "less means wrong labels" in said


def test_a_day_that_lost_most_of_its_events(log: Log, make: Make):
    broken = (AS_OF - timedelta(days=3)).date()
    on_it = pl.col(c.TIMESTAMP).dt.date() == broken
    keep = ~on_it | (pl.int_range(pl.len()) % 20 == 0)
    said = lead(make(replace(log, interactions=log.interactions.filter(keep))))
    assert f"a day of the last 7 days with too little is {broken} with" in said
    assert "events where" in said


def test_a_day_whose_events_all_name_one_item(log: Log, make: Make):
    broken = (AS_OF - timedelta(days=2)).date()
    on_it = pl.col(c.TIMESTAMP).dt.date() == broken
    item = pl.when(on_it).then(pl.lit("sku-none")).otherwise(pl.col(c.ITEM_ID)).alias(c.ITEM_ID)
    said = lead(make(replace(log, interactions=log.interactions.with_columns(item))))
    assert f"{broken} with 1 items where" in said


def test_a_day_that_was_refused(log: Log, make: Make):
    said = lead(make(log, refused=("2026-04-08",)))
    assert said == (
        "Refused: the number of partitions of the last 7 days that were refused is 1 (2026-04-08), expected at most 0."
    )


def test_half_of_the_users_are_not_in_the_slates(log: Log, make: Make):
    def tamper(files):
        users = files[f.CANDIDATES_INFERENCE][c.USER_ID].unique().sort()
        half = pl.col(c.USER_ID).is_in(users.head(users.len() // 2).implode())
        return {**files, f.CANDIDATES_INFERENCE: files[f.CANDIDATES_INFERENCE].filter(half)}

    made = make(log, tamper=tamper)
    assert "the share of users with fewer than 10 items is 50.0 %, expected at most 5.0 %" in lead(made)
    assert made.examination.evidence.slates.missing_users


def test_half_of_the_users_are_not_in_the_log(log: Log, make: Make, honest: Made):
    users = log.interactions[c.USER_ID].unique().sort()
    half = replace(log, interactions=log.interactions.filter(pl.col(c.USER_ID).is_in(users.head(100).implode())))
    said = lead(make(half, live=honest.store))
    assert said.startswith("Refused: the number of users, relative to the live release, is 4")
    assert "expected at least 80.0 %" in said


def test_a_feature_that_is_the_label(log: Log, make: Make):
    """In training alone: later nobody knows it."""

    def tamper(files):
        rows, rng = files[f.CANDIDATES_TRAIN], np.random.default_rng(1)
        leaked = (pl.col(c.LABEL) > 0) + pl.Series(rng.normal(0, 0.3, rows.height))
        return {**files, f.CANDIDATES_TRAIN: rows.with_columns(leaked.cast(pl.Float32).alias(c.ITEM_TREND))}

    said = lead(make(log, tamper=tamper))
    assert c.ITEM_TREND in said
    assert "the future" in said


def test_a_weaker_leak_tells_more_in_training_than_later(log: Log, make: Make):
    def tamper(files):
        rows, rng = files[f.CANDIDATES_TRAIN], np.random.default_rng(1)
        leaked = (pl.col(c.LABEL) > 0) + pl.Series(rng.normal(0, 0.7, rows.height))
        return {**files, f.CANDIDATES_TRAIN: rows.with_columns(leaked.cast(pl.Float32).alias(c.ITEM_TREND))}

    said = lead(make(log, tamper=tamper))
    assert "what one feature tells in training and not later" in said
    assert c.ITEM_TREND in said


def test_a_feature_that_looks_a_week_past_its_moment(log: Log, make: Make, monkeypatch: pytest.MonkeyPatch):
    """In training and on the evaluation window alike: how popular an item is is counted a week too long."""
    honest = Log.at

    def leaking(self: Log, moment: datetime, **arguments: Any) -> Moment:
        found = honest(self, moment, **arguments)
        later = honest(self, moment + timedelta(days=7), **{**arguments, "specs": [EXPLAINED_BY]})
        known = replace(found.recall.knowledge, items=later.recall.knowledge.items)
        found.recall.__dict__["knowledge"] = known
        return found

    monkeypatch.setattr(Log, "at", leaking)
    said = lead(make(log))
    assert said.startswith("Refused: features that know what came later is ")
    assert c.ITEM_DISCOVERIES_7D in said
