"""
# ingest_events

Reads raw events of one site, checks each against the event contract and commits one partition of the event log per
UTC day. Bad rows go to quarantine with file, line and reason. Safe to run again: a run replaces its partitions.

* **By the clock**: daily, the day before; with `schedule.catchup_from` in the site's YAML, every day since then.
* **One day by hand**: *Trigger* with the partition key `YYYY-MM-DD`.
* **A range in one task**: *Trigger* with `start_date` and `days`; candidates are built afterwards.
* **Again, day by day**: *Backfill*, from the first day 00:00 to the last day 23:59; up to four days at once.
"""

from datetime import timedelta

from airflow.sdk import DAG, task

from recsys_airflow.assets import event_log
from recsys_airflow.defaults import policy
from recsys_airflow.partitions import RANGE_PARAMS, days_of
from recsys_airflow.schedules import catch_up, each_day
from recsys_airflow.sites import usable_sites


def ingest_events(site):
    """The DAG of one site."""

    @task(outlets=[event_log(site.site)], max_active_tis_per_dag=4)
    def ingest(site, dag_run, params):
        from recsys.stages import ingest_events as stage

        first, days = days_of(dag_run, params)
        return stage.run(site=site, first=first, days=days).model_dump(mode="json", exclude={"committed"})

    common = policy("ingest_events", doc=__doc__, site=site.site, longest=timedelta(hours=2), runs=4)
    with DAG(schedule=each_day(site), params=RANGE_PARAMS, **(common | catch_up(site))):
        ingest(site.site)


for usable in usable_sites():
    ingest_events(usable)
