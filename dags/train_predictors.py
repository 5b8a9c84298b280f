"""
# train_predictors

Trains what the site's `predictors` ask for: `intent` (does this session buy), `ctr` (is this impression clicked). Each
is judged on what came later, beside baselines and the one that is live; accepted, it answers from now on. A table that
is not what the site expects fails the task, and what is live stays.

* **By the clock**: with each training of the site (`schedule.train_every_hours`).
* **By hand**: *Trigger*, or `recsys stage train_predictor --site S --surface intent`.
"""

from datetime import timedelta

from airflow.sdk import DAG, task

from recsys_airflow.defaults import policy
from recsys_airflow.partitions import AS_OF_PARAMS, as_of
from recsys_airflow.schedules import each_training, training_minutes
from recsys_airflow.sites import usable_sites


def train_predictors(site, surfaces, minute):
    """The DAG of one site."""

    @task
    def train(site, surface, params):
        from recsys.stages import train_predictor as stage

        report = stage.run(site=site, surface=surface, as_of=as_of(params))
        return report.model_dump(mode="json", include={"release_id", "state", "decision"})

    common = policy("train_predictors", doc=__doc__, site=site.site, longest=timedelta(hours=2))
    with DAG(schedule=each_training(site, minute=minute), params=AS_OF_PARAMS, **common):
        for surface in surfaces:
            train.override(task_id=surface)(site.site, surface)


sites = usable_sites()
minutes = training_minutes(sites)
for usable in sites:
    if wanted := [name for name, asked in usable.predictors if asked is not None]:
        train_predictors(usable, wanted, minutes[usable.site])
