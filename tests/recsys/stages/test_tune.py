"""Searching for parameters on a small simulated site: better on windows that are not judged on, and the same again."""

import mlflow
import pytest

from recsys.errors import ConfigError, DataError, NotEnoughData
from recsys.releases.studies import Studies, Winner
from recsys.stages import build_candidates, ingest_events, tune
from recsys.stages.tuning_objective import Objective
from tests.recsys.stages.conftest import AS_OF, DAYS, FIRST, SITE

pytestmark = pytest.mark.platform
POOR = "candidates: [{kind: popularity}, {kind: item_item, params: {popularity_power: 1.0, neighbours: 3}}]\n"
TUNED = """
tuning:
  trials: 8
  parts:
    item_item: {tune_params: [popularity_power, neighbours], tune_ranges: [[0.2, 0.8, 0.2], [40, 160, 40]]}
    ranker: {tune_params: [prior_weight, depth], tune_ranges: [[0.0, 2.0, 1.0], [2, 4, 1]]}
"""


@pytest.fixture(scope="module")
def context(make_context):
    found = make_context()
    site = found.settings.sites_dir / f"{SITE}.yaml"
    quick = site.read_text().replace("evaluation_days: 7", "evaluation_days: 7, label_windows: 1")
    site.write_text(quick + POOR + TUNED)
    ingest_events.run(site=SITE, first=FIRST, days=DAYS, context=found)
    return found


@pytest.fixture(scope="module")
def report(context):
    return tune.run(site=SITE, parts=["item_item", "ranker"], trials=6, context=context)


def test_what_is_found_is_no_worse_than_the_sites_own(report):
    assert [part.part for part in report.parts] == ["item_item", "ranker"]
    assert all(part.best >= part.own for part in report.parts)
    assert report.parts[0].best > report.parts[0].own
    assert report.parts[0].params["neighbours"] in (40, 80, 120)


def test_no_trial_sees_the_window_that_releases_are_judged_on(context, report):
    for part in report.parts:
        plan = Studies(context.blobs, SITE).plan(part.study)
        judged_from = AS_OF - (plan.windows[0][1] - plan.windows[0][0])
        assert all(end <= judged_from for _, end in plan.windows)


def test_killed_and_run_again_it_finds_the_same(context, report):
    study, studies = report.parts[0].study, Studies(context.blobs, SITE)
    whole = studies.trials(study)
    for number in (1, 4, 5):
        context.blobs.delete(f"tuning/{SITE}/{study}/trials/{number:05}.json")
    with pytest.raises(NotEnoughData, match=r"found 3 of 6 trials done"):
        tune.conclude(site=SITE, studies=[study], context=context)
    with pytest.raises(NotEnoughData, match=r"found no results of trials \[1\]"):
        tune.run_trial(site=SITE, study=study, number=3, context=_without(context, study, 3))
    again = tune.run(site=SITE, parts=["item_item"], trials=6, context=context)
    assert studies.trials(study) == whole
    assert again.parts[0] == report.parts[0]


def _without(context, study, number):
    context.blobs.delete(f"tuning/{SITE}/{study}/trials/{number:05}.json")
    return context


def test_the_next_training_uses_the_winner(context, report):
    found = context.tuned_site(SITE)
    params = {spec.kind: spec.params for spec in found.candidates}
    assert params["item_item"] == report.parts[0].params
    assert context.site(SITE).candidates[1].params == {"popularity_power": 1.0, "neighbours": 3}
    tuned = build_candidates.run(site=SITE, context=context).release_id
    Winner().keep(context.blobs, SITE)
    assert build_candidates.run(site=SITE, context=context).release_id != tuned


def test_generators_on_trial_are_heard_and_are_candidates_once_they_won(context):
    (plan,) = tune.plans(site=SITE, parts=["candidates"], context=context)
    assert (plan.space, plan.trials) == ({"on_trial": (1,)}, 2)
    objective = Objective(context, SITE, plan)
    assert 0 < objective.value({"on_trial": 1}, 0) != objective.value({}, 0) > 0
    Winner({"candidates": {"on_trial": 1}}).keep(context.blobs, SITE)
    kinds = [spec.kind for spec in context.tuned_site(SITE).candidates]
    Winner().keep(context.blobs, SITE)
    assert kinds == ["popularity", "item_item", "covisitation", "session_knn"]


def test_every_trial_is_a_nested_run_in_mlflow(context, report):
    mlflow.set_tracking_uri(context.tracking_uri)
    experiment = mlflow.MlflowClient().get_experiment_by_name(f"{SITE}-tuning")
    runs = mlflow.MlflowClient().search_runs([experiment.experiment_id])
    parents = [run for run in runs if run.data.tags.get("study") == report.parts[0].study]
    assert len(parents) == 1
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert len(children) == 6
    assert max(run.data.metrics["mrr_at_10"] for run in children) == pytest.approx(report.parts[0].best)


def test_what_cannot_be_tuned_is_named(context):
    with pytest.raises(ConfigError, match="found the part 'als', expected one of: popularity, item_item, ranker, cand"):
        tune.run(site=SITE, parts=["als"], context=context)
    with pytest.raises(DataError, match="found no study 'ease-1'"):
        tune.run_trial(site=SITE, study="ease-1", number=0, context=context)
