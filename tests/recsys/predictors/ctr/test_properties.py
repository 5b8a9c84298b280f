"""Whatever the rows are: one table of features in training and at request time, and nothing of it from later on."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys import columns as c
from recsys.events.schema import IMPRESSIONS, INTERACTIONS, ITEM_UPDATES, TIME, filled
from recsys.predictors.ctr import impression_rows
from recsys.predictors.ctr.training import columns_of
from recsys.sites.predictor_policy import CtrPolicy

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
AS_OF = NOON + timedelta(days=5)
SCHEMA = {
    c.TIMESTAMP: TIME,
    c.USER_ID: pl.String,
    c.ITEM_ID: pl.String,
    c.POSITION: pl.Int64,
    c.SLATE_SIZE: pl.Int64,
    c.CATEGORY: pl.String,
    c.PRICE: pl.Float64,
}
texts = st.text(max_size=8)
times = st.integers(0, 2**32).map(lambda second: datetime.fromtimestamp(second, UTC))
logged = st.fixed_dictionaries(
    {
        c.TIMESTAMP: st.none() | times,
        c.USER_ID: st.none() | st.integers(0, 50).map("u{}".format) | texts,
        c.ITEM_ID: st.none() | st.integers(0, 600).map("i{}".format) | texts,
        c.POSITION: st.none() | st.integers(-3, 2**40),
        c.SLATE_SIZE: st.none() | st.integers(0, 500),
        c.CATEGORY: st.none() | st.integers(0, 13).map("c{}".format) | texts,
        c.PRICE: st.none() | st.floats(),
    }
)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text()
strange = st.fixed_dictionaries(dict.fromkeys(SCHEMA, scalars))
usual = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@usual
@given(rows=st.lists(logged, min_size=1, max_size=20))
def test_rows_of_the_log_have_the_features_of_the_same_rows_as_json(fitted, policy, rows):
    """Nulls, values never seen, prices that are no number, any time."""
    frame = pl.DataFrame(rows, schema=SCHEMA)
    of_pipeline = np.asarray(fitted.pipeline["encode"].transform(columns_of(frame, fitted.model.reader)))
    sent = [{**row, c.TIMESTAMP: row[c.TIMESTAMP] and row[c.TIMESTAMP].isoformat()} for row in rows]
    assert fitted.model.table(json.loads(json.dumps(sent))).tobytes() == of_pipeline.tobytes()


@usual
@given(rows=st.lists(strange, min_size=1, max_size=12))
def test_any_json_is_scored_and_alone_as_among_others(fitted, rows):
    table = fitted.model.table(rows)
    assert table.tobytes() == b"".join(fitted.model.table([row]).tobytes() for row in rows)
    said = fitted.model.predict(rows)
    assert ((said >= 0) & (said <= 1)).all()


minutes = st.integers(0, 600)
shows = st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=3), minutes)
acts = st.tuples(st.integers(0, 7), st.sampled_from("abc"), minutes)
tells = st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", None]), st.sampled_from([1.0, 2.5, None]), minutes)


@usual
@given(
    shows=st.lists(shows, min_size=1, max_size=8),
    acts=st.lists(acts, max_size=8),
    tells=st.lists(tells, max_size=8),
    cut=minutes,
)
def test_a_log_that_goes_on_changes_no_feature_of_a_row_that_was_there(fitted, policy, shows, acts, tells, cut):
    """Neither what is shown or done later, nor what is told of an item later; only whether it was clicked."""
    impressions = pl.DataFrame(
        [(f"e{n}", "u1", items, at(minute), None, f"r{n}", None) for n, (items, minute) in enumerate(shows)],
        schema=IMPRESSIONS,
        orient="row",
    )
    interactions = pl.DataFrame(
        [(f"c{n}", "u1", item, "view", at(minute), None, None, f"r{of}") for n, (of, item, minute) in enumerate(acts)],
        schema=INTERACTIONS,
        orient="row",
    )
    told = pl.DataFrame(
        [(item, category, price, at(minute)) for item, category, price, minute in tells],
        schema={name: ITEM_UPDATES[name] for name in (c.ITEM_ID, c.CATEGORY, c.PRICE, c.TIMESTAMP)},
        orient="row",
    )
    tables = []
    for until in (at(cut), AS_OF):
        parts = [part.filter(pl.col(c.TIMESTAMP) <= until) for part in (impressions, interactions, told)]
        rows = impression_rows(*parts[:2], filled(parts[2], ITEM_UPDATES), as_of=AS_OF, policy=CtrPolicy())
        tables.append((rows.drop("click"), fitted.model.encoder.table(columns_of(rows, fitted.model.reader))))
    (rows, table), (more, longer) = tables
    assert more.head(rows.height).equals(rows)
    assert longer[: rows.height].tobytes() == table.tobytes()


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)
