"""
# tune

Searches for better parameters of the site's generators and ranker, on windows before the one that releases are judged
on. Trials are mapped tasks, in three rounds; each round learns from the rounds before. Every trial is a nested run in
MLflow. Parameters that beat the site's own are used from the next training on, which this starts; the gate then judges.

* **By hand**: *Trigger*, for all parts or for those named in `parts`. A search that was stopped goes on.
"""

from datetime import timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, task

from recsys_airflow.defaults import policy
from recsys_airflow.sites import usable_sites
from recsys_airflow.tuning import ROUNDS, TUNE_PARAMS, trials_of


def tune(site):
    """The DAG of one site."""

    @task
    def plan(site, params):
        from recsys.stages import tune as stage

        return [each.model_dump(mode="json") for each in stage.plans(site=site, parts=params["parts"] or ())]

    @task
    def numbers(plans, turn):
        return trials_of(plans, turn)

    @task(max_active_tis_per_dagrun=2, map_index_template="{{ task.op_kwargs['trial'] }}")
    def run_trial(site, trial):
        from recsys.stages import tune as stage

        return stage.run_trial(site=site, study=trial["study"], number=trial["number"]).model_dump(mode="json")

    @task
    def conclude(site, plans):
        from recsys.stages import tune as stage

        return stage.conclude(site=site, studies=[each["study"] for each in plans]).model_dump(mode="json")

    common = policy("tune", doc=__doc__, site=site.site, longest=timedelta(hours=3))
    with DAG(schedule=None, params=TUNE_PARAMS, **common):
        before = plans = plan(site.site)
        for turn in range(ROUNDS):
            trials = numbers.override(task_id=f"round_{turn + 1}")(plans, turn)
            before >> trials
            before = run_trial.override(task_id=f"trials_{turn + 1}").partial(site=site.site).expand(trial=trials)
        train = TriggerDagRunOperator(task_id="train", trigger_dag_id=f"build_candidates__{site.site}")
        before >> conclude(site.site, plans) >> train


for usable in usable_sites():
    tune(usable)
