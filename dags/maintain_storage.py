"""
# maintain_storage

Deletes what no longer serves: releases that the site's `retention` does not keep, in Postgres, on the object store, in
the exchange folder and in MLflow at once, and what belongs to nothing. The live release, the one before it and canaries
always stay. Daily, all sites; one site that fails leaves the others alone.
"""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, task

from recsys_airflow.defaults import policy
from recsys_airflow.handover import named
from recsys_airflow.sites import names_of_sites


@task
def sites():
    """The sites there are when the run starts."""
    return names_of_sites()


@task(map_index_template="{{ task.op_kwargs['site'] }}")
def maintain(site, dag_run):
    """One site's storage holds what the site keeps and nothing else."""
    from recsys.stages import maintain_storage as stage

    return stage.run(site=site, by=named(dag_run)).model_dump(mode="json")


with DAG(
    schedule=CronTriggerTimetable("30 4 * * *", timezone="UTC"),
    **policy("maintain_storage", doc=__doc__, longest=timedelta(hours=1)),
):
    maintain.expand(site=sites())
