"""
# judge_experiments

Looks at the experiments of one site that run, canaries among them: lets more users in, or ends them. A challenger that
is surely better goes live by the pointer; one that is surely worse, or harms a guardrail, is aborted at once; what is
undecided at the end is put aside, and what is live stays. Any number of looks is allowed: the statistics are made for
it.

* **By the clock**: every hour, at a minute of the site's own.
* **By hand**: *Trigger*, or `recsys stage judge_experiments --site S`.

The joined table of what was shown and what followed is kept by day, as Parquet, with each experiment.
"""

from datetime import timedelta

from airflow.sdk import DAG, task

from recsys_airflow.defaults import policy
from recsys_airflow.handover import named
from recsys_airflow.schedules import each_hour, training_minutes
from recsys_airflow.sites import usable_sites


def judge_experiments(site, minute):
    """The DAG of one site."""

    @task
    def judge(site, dag_run):
        from recsys.stages import judge_experiments as stage

        return stage.run(site=site, by=named(dag_run)).model_dump(mode="json")

    common = policy("judge_experiments", doc=__doc__, site=site.site, longest=timedelta(minutes=30))
    with DAG(schedule=each_hour(minute), **common):
        judge(site.site)


sites = usable_sites()
minutes = training_minutes(sites)
for usable in sites:
    judge_experiments(usable, minutes[usable.site])
