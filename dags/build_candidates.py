"""
# build_candidates

Builds what could be shown: `top_popular`, `similar`, `candidates_train`, `candidates_inference`. This starts a release;
`train_ranker` follows.

* **By the clock**: every `train_every_hours`, at a minute of the site's own.
* **By assets**: at once after `ingest_events` loaded a range of days.
* **By hand**: *Trigger*, optionally with `as_of` to build what a past moment would have built.

Where data, configuration and code are those of a finished release, `announce` is skipped and nothing follows.
"""

from datetime import timedelta

from airflow.sdk import DAG, task

from recsys_airflow.assets import candidates
from recsys_airflow.defaults import policy
from recsys_airflow.handover import hand_over
from recsys_airflow.partitions import AS_OF_PARAMS, as_of
from recsys_airflow.schedules import each_training, training_minutes
from recsys_airflow.sites import usable_sites


def build_candidates(site, minute):
    """The DAG of one site."""
    built = candidates(site.site)

    @task
    def build(site, params):
        from recsys.stages import build_candidates as stage

        return stage.run(site=site, as_of=as_of(params)).model_dump(mode="json")

    @task(outlets=[built])
    def announce(report, *, outlet_events):
        return hand_over(report, outlet_events[built])

    common = policy("build_candidates", doc=__doc__, site=site.site, longest=timedelta(hours=3))
    with DAG(schedule=each_training(site, minute=minute), params=AS_OF_PARAMS, **common):
        announce(build(site.site))


sites = usable_sites()
minutes = training_minutes(sites)
for usable in sites:
    build_candidates(usable, minutes[usable.site])
