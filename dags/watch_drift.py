"""
# watch_drift

Looks whether a day is still like what the live release learned from: features, scores, volumes, the mix of events, who
and what is new, how old things are, whether releases narrow. What is not is named, people are told, and a training
starts where the site's `drift.retrain` wants it; else `announce` is skipped. A normal week raises nothing.

Predictors that are live are looked at too: whether they still see what they learned from, and whether what they say
still holds. What does not, starts a training of the predictors where the site's `drift.predictors.retrain` wants it.

* **By the clock**: three quarters of an hour after each ingestion of a whole day, for that day.
* **One day by hand**: *Trigger* with `as_of`, the midnight after it, or `recsys stage watch_drift --site S --day D`.
"""

from datetime import timedelta

from airflow.sdk import DAG, task

from recsys_airflow.assets import drift, predictor_drift
from recsys_airflow.defaults import policy
from recsys_airflow.handover import tell_of_drift
from recsys_airflow.notifiers import DriftNotifier
from recsys_airflow.partitions import AS_OF_PARAMS, day_before
from recsys_airflow.schedules import each_day
from recsys_airflow.sites import usable_sites


def watch_drift(site):
    """The DAG of one site."""
    learned_again, predictors_again = drift(site.site), predictor_drift(site.site)

    @task(on_success_callback=DriftNotifier(site.site))
    def watch(site, dag_run, params):
        from recsys.stages import watch_drift as stage

        day = day_before(dag_run, params)
        report = stage.run(site=site, day=day)
        alarms = {"alarms": [check.name for check in report.alarms], "predictor_alarms": report.predictor_alarms}
        return {"day": f"{day}", "reason": report.reason, **alarms}

    @task(outlets=[learned_again])
    def announce(report, retrain, *, outlet_events):
        tell_of_drift(report, outlet_events[learned_again], retrain=retrain)

    @task(outlets=[predictors_again])
    def announce_predictors(report, retrain, *, outlet_events):
        tell_of_drift(report, outlet_events[predictors_again], retrain=retrain, kind="predictor_alarms")

    common = policy("watch_drift", doc=__doc__, site=site.site, longest=timedelta(hours=1))
    with DAG(schedule=each_day(site), params=AS_OF_PARAMS, **common):
        report = watch(site.site)
        announce(report, site.drift.retrain)
        announce_predictors(report, site.drift.predictors.retrain)


for usable in usable_sites():
    watch_drift(usable)
