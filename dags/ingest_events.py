"""
# ingest_events

Reads raw events of one site, checks each against the event contract and commits one partition of the event log per
UTC day, or hour. Bad rows go to quarantine with file, line and reason. Safe to run again: a run replaces its
partitions. Days for which events came late are written again, and announced.

A partition that is not good enough is refused, and what was committed before stays. `report` then brings the reports of
data quality to MLflow, also of what was refused; where MLflow does not answer, the event log is whole all the same.

* **By the clock**: daily, the day before; with `schedule.catchup_from` in the site's YAML, every day since then.
* **One day by hand**: *Trigger* with the partition key `YYYY-MM-DD`; where partitions are hours also `YYYY-MM-DDTHH`.
* **A range in one task**: *Trigger* with `start_date` and `days`; candidates are built afterwards.
* **Again, day by day**: *Backfill*, from the first day 00:00 to the last day 23:59; up to four days at once.
"""

from datetime import timedelta

from airflow.sdk import DAG, task, teardown

from recsys_airflow.assets import event_log
from recsys_airflow.defaults import policy
from recsys_airflow.partitions import RANGE_PARAMS, announce, days_of, hour_of
from recsys_airflow.schedules import catch_up, each_partition
from recsys_airflow.sites import usable_sites


def ingest_events(site):
    """The DAG of one site."""
    log = event_log(site.site)

    @task(outlets=[log], max_active_tis_per_dag=4)
    def ingest(site, dag_run, params, *, outlet_events):
        from recsys.stages import ingest_events as stage

        first, days = days_of(dag_run, params)
        done = stage.run(site=site, first=first, days=days, hour=hour_of(dag_run))
        announce(outlet_events[log], dag_run, done.model_dump(mode="json"))
        return done.model_dump(mode="json", exclude={"committed"})

    @teardown
    @task
    def report(site, dag_run, params):
        from recsys.stages import report_quality as stage

        first, days = days_of(dag_run, params)
        return stage.run(site=site, first=first, days=days, hour=hour_of(dag_run)).model_dump(mode="json")

    common = policy("ingest_events", doc=__doc__, site=site.site, longest=timedelta(hours=2), runs=4)
    with DAG(schedule=each_partition(site), params=RANGE_PARAMS, **(common | catch_up(site))):
        ingest(site.site) >> report(site.site)


for usable in usable_sites():
    ingest_events(usable)
