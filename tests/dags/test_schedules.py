from collections import Counter
from datetime import UTC, datetime

import pendulum
import pytest
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.timetables.base import TimeRestriction
from croniter import croniter

from recsys.errors import ConfigError
from recsys_airflow.schedules import (
    catch_up,
    each_fetch,
    each_partition,
    each_training_of_predictors,
    fetch_cron,
    training_cron,
    training_minutes,
)
from tests.dags.conftest import make_site


def scheduler_side(timetable):
    """The timetable as the scheduler has it, after its way through the database."""
    return decode_timetable(encode_timetable(timetable))


def test_an_ingestion_is_for_the_day_before():
    timetable = scheduler_side(each_partition(make_site("alpha", "ingest_cron: 30 2 * * *")))
    infos = list(
        timetable.iter_partition_dagrun_infos(
            earliest=datetime(2026, 8, 1, tzinfo=UTC), latest=datetime(2026, 8, 3, 23, 59, tzinfo=UTC)
        )
    )
    assert [info.partition_key for info in infos] == ["2026-08-01", "2026-08-02", "2026-08-03"]
    assert timetable._get_partition_info(run_date=datetime(2026, 8, 2, 2, 30, tzinfo=UTC))[1] == "2026-08-01"


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        ("ingest_cron: 0 1 * * *", "30 1 * * *"),
        ("ingest_cron: 45 1 * * *", "15 2 * * *"),
        ("ingest_cron: 40 23 * * *", "59 23 * * *"),
        ("partition: hour, ingest_cron: 10 * * * *", "40 * * * *"),
        ("partition: hour, ingest_cron: 50 * * * *", "59 * * * *"),
    ],
)
def test_items_are_fetched_after_the_ingestion_for_the_same_partition(schedule, cron):
    site = make_site("alpha", schedule)
    assert fetch_cron(site) == cron
    earliest, latest = datetime(2026, 8, 1, 12, tzinfo=UTC), datetime(2026, 8, 2, 23, 59, tzinfo=UTC)
    ingested, fetched = (
        [
            (info.partition_key, info.run_after)
            for info in scheduler_side(each(site)).iter_partition_dagrun_infos(earliest=earliest, latest=latest)
        ]
        for each in (each_partition, each_fetch)
    )
    assert [key for key, _ in fetched] == [key for key, _ in ingested]
    assert all(before < after for (_, before), (_, after) in zip(ingested, fetched, strict=True))


def test_catching_up_begins_with_the_day_the_site_names():
    site = make_site("alpha", "catchup_from: 2026-08-01")
    arguments = catch_up(site)
    restriction = TimeRestriction(earliest=arguments["start_date"], latest=None, catchup=arguments["catchup"])
    timetable = scheduler_side(each_partition(site))
    keys, last = [], None
    for _ in range(3):
        last = timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
        keys.append(last.partition_key)
    assert keys == ["2026-08-01", "2026-08-02", "2026-08-03"]


def test_an_hourly_site_is_ingested_by_the_hour():
    site = make_site("alpha", "partition: hour, ingest_cron: 10 * * * *, catchup_from: 2026-08-01")
    arguments = catch_up(site)
    restriction = TimeRestriction(
        earliest=pendulum.instance(arguments["start_date"]), latest=None, catchup=arguments["catchup"]
    )
    timetable = scheduler_side(each_partition(site))
    keys, last = [], None
    for _ in range(2):
        last = timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
        keys.append(last.partition_key)
    assert keys == ["2026-08-01T00", "2026-08-01T01"]
    assert training_cron(site, minute=7).startswith("7 0,2,4")


def test_a_site_that_names_no_day_does_not_catch_up():
    assert catch_up(make_site("alpha")) == {}


@pytest.mark.parametrize("cron", ["@hourly", "0 * * * *", "0 1 * * 1", "*/5 1 * * *", "0 24 * * *", "0 1", ""])
def test_an_ingestion_runs_once_a_day_or_is_refused(cron):
    with pytest.raises(ConfigError, match=r"schedule\.ingest_cron"):
        make_site("alpha", f"ingest_cron: '{cron}'")


def test_sixty_sites_share_no_minute():
    minutes = training_minutes(make_site(f"s{n}") for n in range(60))
    assert sorted(minutes.values()) == list(range(60))


def test_more_sites_share_minutes_evenly():
    minutes = training_minutes(make_site(f"s{n}") for n in range(150))
    assert set(Counter(minutes.values()).values()) == {2, 3}


def test_few_sites_stay_far_apart():
    minutes = sorted(training_minutes(make_site(f"s{n}") for n in range(4)).values())
    assert minutes == [0, 15, 30, 45]


def test_a_site_keeps_the_minute_it_asks_for_and_the_others_keep_away():
    sites = [make_site("alpha"), make_site("beta", "train_minute: 0"), make_site("gamma", "train_minute: 20")]
    minutes = training_minutes(sites)
    assert (minutes["beta"], minutes["gamma"]) == (0, 20)
    assert minutes["alpha"] == 40


def test_the_order_of_the_sites_does_not_matter():
    sites = [make_site(f"s{n}") for n in range(9)]
    assert training_minutes(sites) == training_minutes(reversed(sites))


@pytest.mark.parametrize(("every", "runs"), [(1, 24), (2, 12), (5, 5), (6, 4), (24, 1)])
def test_trainings_come_as_often_as_asked_and_first_an_hour_after_the_ingestion(every, runs):
    cron = training_cron(make_site("alpha", f"train_every_hours: {every}, ingest_cron: 10 23 * * *"), minute=7)
    times = croniter(cron, datetime(2026, 8, 1, 23, 59, tzinfo=UTC))
    day = [times.get_next(datetime) for _ in range(runs)]
    assert {moment.date().day for moment in day} == {2}
    assert {moment.minute for moment in day} == {7}
    assert day[0].hour == 0


@pytest.mark.parametrize(
    ("cron", "times"),
    [
        ("20 * * * *", ["2026-08-01T12:20", "2026-08-01T13:20"]),
        ("30 3 * * *", ["2026-08-02T03:30", "2026-08-03T03:30"]),
        ("30 3 * * 1", ["2026-08-03T03:30", "2026-08-10T03:30"]),
    ],
)
def test_predictors_are_trained_when_their_site_says_and_after_a_drift(cron, times):
    timetable = scheduler_side(each_training_of_predictors(make_site("alpha", f"predictors_cron: '{cron}'")))
    assert timetable.asset_condition.name == "predictor_drift__alpha"
    now = TimeRestriction(earliest=pendulum.datetime(2026, 8, 1, 12), latest=None, catchup=True)
    found, interval = [], None
    for _ in times:
        info = timetable.next_dagrun_info(last_automated_data_interval=interval, restriction=now)
        found.append(f"{info.run_after:%Y-%m-%dT%H:%M}")
        interval = info.data_interval
    assert found == times


@pytest.mark.parametrize("cron", ["@daily", "*/5 * * * *", "0 3 1 * *", "0 3 * * 7", "0 3 * * 1-5", "60 3 * * *", ""])
def test_a_training_of_predictors_at_other_times_is_refused(cron):
    with pytest.raises(ConfigError, match=r"schedule\.predictors_cron"):
        make_site("alpha", f"predictors_cron: '{cron}'")
