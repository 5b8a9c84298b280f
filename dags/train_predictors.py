"""
# train_predictors

Trains what the site's `predictors` ask for: `intent` (does this session buy), `ctr` (is this impression clicked),
`session` (what does it look at next). Each is judged on what came later, beside baselines and the one that is live;
accepted, it answers from now on. A table that is not what the site expects fails the task, and what is live stays. A
site with `approval.required` is asked before the pointer moves, for each predictor: answer it at *Required Actions*; no
answer in time is a no. Where log, configuration and code are those of the last training, the task is skipped.

* **By assets**: after each `train_ranker` of the site, so that it takes turns with what recommendations need; at once
  after `watch_drift` found that a predictor no longer holds.
* **By the clock** instead of after `train_ranker`, where the site's YAML has `schedule.predictors_cron`.
* **By hand**: *Trigger*, or `recsys stage train_predictor --site S --surface intent`.
"""

from datetime import timedelta

from airflow.sdk import DAG, task

from recsys_airflow.approval import approval, verdict, waits_for
from recsys_airflow.defaults import policy
from recsys_airflow.handover import require_new
from recsys_airflow.notifiers import NotLiveNotifier
from recsys_airflow.partitions import AS_OF_PARAMS, as_of
from recsys_airflow.schedules import each_training_of_predictors
from recsys_airflow.sites import usable_sites


def train_predictors(site, surfaces):
    """The DAG of one site."""

    @task
    def train(site, surface, params):
        from recsys.stages import train_predictor as stage

        report = stage.run(site=site, surface=surface, as_of=as_of(params))
        told = {"release_id", "state", "accepted", "reason", "page", "unchanged"}
        return require_new(report.model_dump(mode="json", include=told))

    @task
    def activate(site, decision, answer):
        from recsys.stages import activate_release as stage

        return stage.run(site=site, release_id=decision["release_id"], **verdict(answer)).model_dump(mode="json")

    times = {"longest": timedelta(hours=2), "waits": waits_for(site)}
    common = policy("train_predictors", doc=__doc__, site=site.site, **times)
    with DAG(schedule=each_training_of_predictors(site), params=AS_OF_PARAMS, **common):
        for surface in surfaces:
            decision = train.override(task_id=surface)(site.site, surface)
            if site.approval.required:
                decision >> (asked := approval(site, of=surface, task_id=f"approve_{surface}"))
                told = NotLiveNotifier(site.site, decided=surface, activated=f"activate_{surface}")
                named = activate.override(task_id=f"activate_{surface}", on_success_callback=told)
                named(site.site, decision, asked.output)


for usable in usable_sites():
    if wanted := [name for name, asked in usable.predictors if asked is not None]:
        train_predictors(usable, wanted)
