from datetime import UTC, date, datetime

import pytest
from airflow.sdk.api.datamodels._generated import DagRun, DagRunState, DagRunType
from airflow.sdk.definitions.asset import AssetUniqueKey
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError
from airflow.sdk.execution_time.context import OutletEventAccessor

from recsys_airflow.partitions import AS_OF_PARAMS, RANGE_PARAMS, announce, as_of, day_of, days_of, hour_of

NOTHING = {"start_date": None, "days": 1}


def a_run(partition_key):
    return DagRun(
        dag_id="ingest_events__alpha",
        run_id="manual__1",
        logical_date=None,
        data_interval_start=None,
        data_interval_end=None,
        run_after=datetime(2026, 8, 2, tzinfo=UTC),
        start_date=None,
        end_date=None,
        run_type=DagRunType.MANUAL,
        state=DagRunState.RUNNING,
        consumed_asset_events=[],
        partition_key=partition_key,
    )


def test_a_partition_key_is_one_day():
    assert day_of(a_run("2026-08-01")) == date(2026, 8, 1)
    assert days_of(a_run("2026-08-01"), NOTHING) == (date(2026, 8, 1), 1)
    assert days_of(a_run("2026-08-01"), {}) == (date(2026, 8, 1), 1)


def test_a_partition_key_may_be_an_hour():
    assert days_of(a_run("2026-08-01T05"), NOTHING) == (date(2026, 8, 1), 1)
    assert [hour_of(a_run(key)) for key in ("2026-08-01T05", "2026-08-01T00", "2026-08-01", None)] == [5, 0, None, None]


def test_late_partitions_are_announced_beside_the_runs_own():
    event = OutletEventAccessor(key=AssetUniqueKey(name="event_log__alpha", uri="event_log__alpha"))
    announce(event, a_run(None), {"late": [{"partition": "2026-07-30"}]})
    assert event.partition_keys == set()
    announce(event, a_run("2026-08-01"), {"late": [{"partition": "2026-07-30"}, {"partition": "2026-07-31"}]})
    assert event.partition_keys == {"2026-07-30", "2026-07-31", "2026-08-01"}


def test_a_range_is_its_first_day_and_how_many():
    assert days_of(a_run(None), {"start_date": "2010-12-01", "days": 305}) == (date(2010, 12, 1), 305)


@pytest.mark.parametrize(
    ("key", "params", "told"),
    [
        (None, NOTHING, "names no day; start it with a partition key"),
        (None, {"start_date": None, "days": 3}, "without a start_date"),
        ("2026-08-01", {"start_date": None, "days": 3}, "without a start_date"),
        ("2026-08-01", {"start_date": "2026-08-01", "days": 1}, "expected one of them"),
        ("2026-8-1x", NOTHING, "partition key: found '2026-8-1x'"),
        ("2026-02-30", NOTHING, "partition key: found '2026-02-30'"),
        (None, {"start_date": "01.08.2026", "days": 1}, "start_date: found '01.08.2026'"),
    ],
)
def test_a_run_that_does_not_say_its_days_fails_for_good(key, params, told):
    with pytest.raises(AirflowFailException, match=told):
        days_of(a_run(key), params)


@pytest.mark.parametrize(
    ("param", "value"),
    [("start_date", "01.08.2026"), ("start_date", 20260801), ("days", 0), ("days", -1), ("days", "3"), ("days", None)],
)
def test_the_form_refuses_what_is_no_range(param, value):
    with pytest.raises(ParamValidationError):
        RANGE_PARAMS[param].__copy__().resolve(value)


def test_a_moment_has_a_zone():
    assert as_of({"as_of": None}) is None
    assert as_of({"as_of": "2026-08-01T00:00:00Z"}) == datetime(2026, 8, 1, tzinfo=UTC)
    for text in ("2026-08-01T00:00:00", "2026-08-01", "yesterday"):
        with pytest.raises(AirflowFailException, match="expected a time with its zone"):
            as_of({"as_of": text})
    with pytest.raises(ParamValidationError):
        AS_OF_PARAMS["as_of"].__copy__().resolve("2026-08-01")
