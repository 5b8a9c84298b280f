"""When a site's DAGs run, from the ``schedule`` section of its YAML. All times are UTC."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from airflow.sdk import AssetAny, AssetOrTimeSchedule, CronPartitionTimetable, CronTriggerTimetable

from recsys.sites import SiteConfig
from recsys.types import SiteId
from recsys_airflow.assets import drift, event_log, predictor_drift, ranker
from recsys_airflow.partitions import HOUR_KEY_FORMAT, KEY_FORMAT

MINUTES = range(60)


def each_partition(site: SiteConfig) -> CronPartitionTimetable:
    """At ``ingest_cron``, once a day or once an hour; the partition is the day, or the hour, before."""
    key_format = HOUR_KEY_FORMAT if site.schedule.hourly else KEY_FORMAT
    return CronPartitionTimetable(
        site.schedule.ingest_cron, timezone="UTC", run_offset=-1, key_format=key_format, run_immediately=False
    )


def each_fetch(site: SiteConfig) -> CronPartitionTimetable:
    """Half an hour after each ingestion, for the same day or hour; see ``fetch_cron``."""
    key_format = HOUR_KEY_FORMAT if site.schedule.hourly else KEY_FORMAT
    return CronPartitionTimetable(
        fetch_cron(site), timezone="UTC", run_offset=-1, key_format=key_format, run_immediately=False
    )


def each_day(site: SiteConfig) -> CronTriggerTimetable:
    """Once a day, three quarters of an hour after the ingestion, or after midnight.

    Without partitions: what a partitioned run announces starts no DAG that reads the log as a whole.
    """
    minute, hour = (0, 0) if site.schedule.hourly else map(int, site.schedule.ingest_cron.split()[:2])
    later = min(hour * 60 + minute + 45, 24 * 60 - 1)
    return CronTriggerTimetable(f"{later % 60} {later // 60} * * *", timezone="UTC", run_immediately=False)


def fetch_cron(site: SiteConfig) -> str:
    """``ingest_cron``, half an hour later, but within the same day or hour: then the partition is the same."""
    minute, hour, *rest = site.schedule.ingest_cron.split()
    if site.schedule.hourly:
        return " ".join([str(min(int(minute) + 30, 59)), hour, *rest])
    later = min(int(hour) * 60 + int(minute) + 30, 24 * 60 - 1)
    return " ".join([str(later % 60), str(later // 60), *rest])


def catch_up(site: SiteConfig) -> dict[str, Any]:
    """Arguments of a DAG that ingests everything from the site's ``catchup_from`` on; none where it has none."""
    if site.schedule.catchup_from is None:
        return {}
    length = timedelta(hours=1) if site.schedule.hourly else timedelta(days=1)
    return {"catchup": True, "start_date": datetime.combine(site.schedule.catchup_from, time(), UTC) + length}


def each_training(site: SiteConfig, *, minute: int) -> AssetOrTimeSchedule:
    """Every ``train_every_hours``, and at once after a range of days was loaded into the event log, or a day drifted.

    A run for one day, by the clock or by a backfill, announces a *partition* of the event log; Airflow starts only
    DAGs that are partitioned themselves for those, so a backfill of 305 days starts no training of its own.
    """
    return AssetOrTimeSchedule(
        timetable=CronTriggerTimetable(training_cron(site, minute=minute), timezone="UTC", run_immediately=False),
        assets=event_log(site.site) | drift(site.site),
    )


def each_training_of_predictors(site: SiteConfig) -> AssetAny | AssetOrTimeSchedule:
    """At ``predictors_cron``, else after each training of the ranker; and at once after a predictor drifted."""
    if site.schedule.predictors_cron is None:
        return AssetAny(ranker(site.site), predictor_drift(site.site))
    return AssetOrTimeSchedule(
        timetable=CronTriggerTimetable(site.schedule.predictors_cron, timezone="UTC", run_immediately=False),
        assets=predictor_drift(site.site),
    )


def training_cron(site: SiteConfig, *, minute: int) -> str:
    """The hours are counted from the one after a daily ingestion, so that a daily training sees yesterday."""
    every = site.schedule.train_every_hours
    first = 0 if site.schedule.hourly else int(site.schedule.ingest_cron.split()[1]) + 1
    hours = sorted((first + passed) % 24 for passed in range(0, 24, every))
    return f"{minute} {','.join(map(str, hours))} * * *"


def each_hour(minute: int) -> CronTriggerTimetable:
    """Once an hour, at that minute."""
    return CronTriggerTimetable(f"{minute} * * * *", timezone="UTC", run_immediately=False)


def training_minutes(sites: Iterable[SiteConfig]) -> dict[SiteId, int]:
    """A minute of the hour for each site: its own ``train_minute``, else the one farthest from all others.

    Up to 60 sites without ``train_minute`` never share a minute; more than that share them evenly.
    """
    minutes: dict[SiteId, int] = {}
    waiting = []
    for site in sorted(sites, key=lambda config: config.site):
        if site.schedule.train_minute is None:
            waiting.append(site.site)
        else:
            minutes[site.site] = site.schedule.train_minute
    for name in waiting:
        minutes[name] = _loneliest(list(minutes.values()))
    return minutes


def _loneliest(taken: list[int]) -> int:
    """The minute with the fewest sites, then the widest gap around it, then the earliest."""

    def gap(minute: int) -> int:
        return min((min((minute - other) % 60, (other - minute) % 60) for other in taken), default=60)

    return max(MINUTES, key=lambda minute: (-taken.count(minute), gap(minute), -minute))
