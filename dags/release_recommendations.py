"""
# release_recommendations

Judges a release on a later window, decides at the gate, writes it into Postgres and makes it live by moving a pointer.

* **By assets**: after `train_ranker`; the asset event names the release; of several, the newest is taken.
* **By hand**: *Trigger* with `release_id`, or without for the site's newest unfinished release.

A release that the gate refuses is an outcome, not a failure: the live one stays, `announce` is skipped, and the reason
stands in its log and in the XCom of `release`.
"""

from datetime import timedelta

from airflow.sdk import DAG, task

from recsys_airflow.assets import ranker, release
from recsys_airflow.defaults import policy
from recsys_airflow.handover import RELEASE_PARAMS, hand_over, handed_over
from recsys_airflow.sites import usable_sites


def release_recommendations(site):
    """The DAG of one site."""
    live = release(site.site)

    @task(task_id="release", inlets=[ranker(site.site)])
    def judge_and_publish(site, params, triggering_asset_events, inlet_events):
        from recsys.stages import release_recommendations as stage

        release_id = handed_over(params, triggering_asset_events, inlet_events[0])
        return stage.run(site=site, release_id=release_id).model_dump(mode="json")

    @task(outlets=[live])
    def announce(decision, *, outlet_events):
        return hand_over(decision, outlet_events[live])

    common = policy("release_recommendations", doc=__doc__, site=site.site, longest=timedelta(hours=2))
    with DAG(schedule=[ranker(site.site)], params=RELEASE_PARAMS, **common):
        announce(judge_and_publish(site.site))


for usable in usable_sites():
    release_recommendations(usable)
