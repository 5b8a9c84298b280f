"""
# train_ranker

Trains the ranker of a release on `candidates_train` and logs it to MLflow: parameters, metrics, importances, data hash,
model. `release_recommendations` follows.

* **By assets**: after `build_candidates`; the asset event names the release; of several, the newest is taken.
* **By hand**: *Trigger* with `release_id`, or without for the site's newest unfinished release.
"""

from datetime import timedelta

from airflow.sdk import DAG, task

from recsys_airflow.assets import candidates, ranker
from recsys_airflow.defaults import policy
from recsys_airflow.handover import RELEASE_PARAMS, hand_over, handed_over
from recsys_airflow.sites import usable_sites


def train_ranker(site):
    """The DAG of one site."""
    trained = ranker(site.site)

    @task(inlets=[candidates(site.site)])
    def train(site, params, triggering_asset_events, inlet_events):
        from recsys.stages import train_ranker as stage

        release_id = handed_over(params, triggering_asset_events, inlet_events[0])
        return stage.run(site=site, release_id=release_id).model_dump(mode="json")

    @task(outlets=[trained])
    def announce(report, *, outlet_events):
        return hand_over(report, outlet_events[trained])

    common = policy("train_ranker", doc=__doc__, site=site.site, longest=timedelta(hours=3))
    with DAG(schedule=[candidates(site.site)], params=RELEASE_PARAMS, **common):
        announce(train(site.site))


for usable in usable_sites():
    train_ranker(usable)
