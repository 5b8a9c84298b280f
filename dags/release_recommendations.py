"""
# release_recommendations

Judges a release on a later window, decides at the gate, writes it into Postgres and makes it live by moving a pointer.

* **By assets**: after `train_ranker`; the asset event names the release; of several, the newest is taken.
* **By hand**: *Trigger* with `release_id`, or without for the site's newest unfinished release.

A site with `approval.required` is asked before the pointer moves: `approve` waits, with the report linked; answer it at
*Required Actions*. No answer in time is a no.

A release that the gate refuses, or that nobody approves, is an outcome, not a failure: the live one stays, `announce`
is skipped, people are told, and the reason stands in the log and in the list of releases.
"""

from datetime import timedelta

from airflow.sdk import DAG, task

from recsys_airflow.approval import approval, verdict, waits_for
from recsys_airflow.assets import ranker, release
from recsys_airflow.defaults import policy
from recsys_airflow.handover import RELEASE_PARAMS, hand_over, handed_over, named
from recsys_airflow.notifiers import NotLiveNotifier
from recsys_airflow.sites import usable_sites


def release_recommendations(site):
    """The DAG of one site."""
    live = release(site.site)

    @task(task_id="release", inlets=[ranker(site.site)])
    def judge_and_publish(site, params, dag_run, triggering_asset_events, inlet_events):
        from recsys.stages import release_recommendations as stage

        release_id = handed_over(params, triggering_asset_events, inlet_events[0])
        return stage.run(site=site, release_id=release_id, by=named(dag_run)).model_dump(mode="json")

    @task
    def activate(site, decision, answer):
        from recsys.stages import activate_release as stage

        return stage.run(site=site, release_id=decision["release_id"], **verdict(answer)).model_dump(mode="json")

    @task(outlets=[live], on_skipped_callback=NotLiveNotifier(site.site))
    def announce(outcome, *, outlet_events):
        return hand_over(outcome, outlet_events[live])

    times = {"longest": timedelta(hours=2), "waits": waits_for(site)}
    common = policy("release_recommendations", doc=__doc__, site=site.site, **times)
    with DAG(schedule=[ranker(site.site)], params=RELEASE_PARAMS, **common):
        outcome = decision = judge_and_publish(site.site)
        if site.approval.required:
            decision >> (asked := approval(site))
            outcome = activate(site.site, decision, asked.output)
        announce(outcome)


for usable in usable_sites():
    release_recommendations(usable)
