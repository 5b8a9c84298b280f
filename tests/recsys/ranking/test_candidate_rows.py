"""From a log to a ranked slate: what no single step can show."""

from datetime import timedelta

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.candidates.pool import no_pairs
from recsys.features.feature_set import FeatureSet
from recsys.ranking.candidate_rows import Recall, fit_recall
from recsys.sites.config import ComponentSpec, InteractionType
from recsys.steps import Steps
from recsys.testing import checkerboard as board

SPECS = [ComponentSpec(kind="popularity"), ComponentSpec(kind="item_item")]
TYPES = (InteractionType(name="view"),)
USERS = [board.user(0), board.user(1), "stranger"]


def recall(log: pl.DataFrame) -> Recall:
    known = log.drop(c.WEIGHT)
    return fit_recall(
        known, board.catalogue(log), specs=SPECS, types=TYPES, as_of=board.AS_OF, rng=np.random.default_rng(1)
    )


def test_rows_have_every_feature_once_per_pair():
    fitted = recall(board.interactions())
    rows = fitted.rows(fitted.pool(USERS, k=5, exclude=no_pairs()))
    assert set(FeatureSet.of(fitted.sources).names) <= set(rows.columns)
    assert rows.select(c.USER_ID, c.ITEM_ID).is_unique().all()
    assert set(rows[c.USER_ID]) == set(USERS)


def test_the_future_is_never_looked_at():
    log = board.interactions()
    later = board.events([(board.user(0), board.item(1), board.AS_OF + timedelta(hours=n)) for n in range(50)])
    now, then = recall(log), recall(pl.concat([log, later]))
    rows = [one.rows(one.pool(USERS, k=5, exclude=no_pairs())) for one in (now, then)]
    assert_frame_equal(*rows)


def test_every_generators_fit_and_answer_is_a_step():
    log, steps = board.interactions(), Steps()
    fitted = fit_recall(
        log.drop(c.WEIGHT),
        board.catalogue(log),
        specs=SPECS,
        types=TYPES,
        as_of=board.AS_OF,
        rng=np.random.default_rng(1),
        steps=steps,
    )
    rows = fitted.rows(fitted.pool(USERS, k=5, exclude=no_pairs()))
    kinds = ("popularity", "item_item")
    done = [*(f"fit {kind}" for kind in kinds), *(f"ask {kind}" for kind in kinds), "describe"]
    assert [step.step for step in steps.ended] == [f"2026-03-02 00:00: {name}" for name in done]
    assert [steps.ended[0].rows, steps.ended[-1].rows] == [log.height, rows.height]
