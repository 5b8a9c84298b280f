"""
# fetch_items

Asks the site's content API for the items that were seen on one UTC day and of which nothing is known. Only for sites
with `catalogue.fetch`. What it tells is known from then on; known-bad items are left alone for a time.

* **By the clock**: half an hour after each ingestion, for the same day.
* **One day by hand**: *Trigger* with the partition key `YYYY-MM-DD`.
* **A range in one task**: *Trigger* with `start_date` and `days`.
* **Again, day by day**: *Backfill*. Nobody is asked for twice; a run that was killed is gone on with.
"""

from datetime import timedelta

from airflow.sdk import DAG, task

from recsys_airflow.defaults import policy
from recsys_airflow.partitions import RANGE_PARAMS, days_of
from recsys_airflow.schedules import each_fetch
from recsys_airflow.sites import usable_sites


def fetch_items(site):
    """The DAG of one site; one run at a time, because the API sees one pace."""

    @task
    def fetch(site, dag_run, params):
        from recsys.stages import fetch_items as stage

        first, days = days_of(dag_run, params)
        return stage.run(site=site, first=first, days=days).model_dump(mode="json", exclude={"by_day"})

    common = policy("fetch_items", doc=__doc__, site=site.site, longest=timedelta(hours=3))
    with DAG(schedule=each_fetch(site), params=RANGE_PARAMS, **common):
        fetch(site.site)


for usable in usable_sites():
    if usable.catalogue.fetch:
        fetch_items(usable)
