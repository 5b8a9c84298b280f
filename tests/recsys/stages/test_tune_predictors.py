"""Parameters of predictors are searched on what was before the rows that a training judges on, and then used."""

from datetime import timedelta

import mlflow
import numpy as np
import pytest
import yaml

from recsys.errors import ConfigError
from recsys.predictors.spaces import SPACES, space_of
from recsys.releases.studies import Studies, Winner
from recsys.sites import SiteConfig
from recsys.sites.predictor_policy import CtrPolicy, IntentPolicy, PredictorsPolicy, RecurrentPolicy, SessionPolicy
from recsys.stages import ingest_events, train_predictor, tune
from recsys.stages.predictor_objective import PredictorObjective
from recsys.testing.clicks import START, drawn_clicks
from tests.recsys.stages.conftest import FIRST, SITE, YAML, show

POOR = {"iterations": 20, "prefixes": 200}
"""Learns from next to nothing."""
MORE = {"tune_params": ["prefixes"], "tune_ranges": [[200, 20_200, 10_000]]}


def configure(context, predictors: dict, **tuning) -> None:
    site = yaml.safe_load(YAML.format(site=SITE)) | {
        "predictors": predictors,
        "tuning": {"method": "grid", "windows": 1, **tuning},
    }
    (context.settings.sites_dir / f"{SITE}.yaml").write_text(yaml.safe_dump(site))


@pytest.fixture(scope="module")
def shop(make_context):
    context = make_context()
    ingest_events.run(site=SITE, first=FIRST, days=24, context=context)
    return context


@pytest.fixture
def intent(shop):
    configure(shop, {"intent": POOR}, parts={"intent": MORE})
    yield shop
    Winner().keep(shop.blobs, SITE)


def test_what_is_found_beats_the_sites_own_and_the_next_training_uses_it(intent):
    (found,) = tune.run(site=SITE, parts=["intent"], context=intent).parts
    assert (found.part, found.objective, found.trials) == ("intent", "log_likelihood", 3)
    assert found.own < found.best < 0
    assert found.params == {"prefixes": 10_200}
    assert intent.site(SITE).predictors.intent.prefixes == 200
    assert intent.tuned_site(SITE).predictors.intent.prefixes == 10_200
    report = train_predictor.run(site=SITE, surface="intent", context=intent)
    run = mlflow.MlflowClient(tracking_uri=intent.tracking_uri).get_run(report.mlflow_run_id)
    assert run.data.params["prefixes"] == "10200"
    searches = mlflow.MlflowClient(tracking_uri=intent.tracking_uri)
    experiment = searches.get_experiment_by_name(f"{SITE}-tuning")
    (study,) = searches.search_runs([experiment.experiment_id], f"tags.study = '{found.study}'")
    assert study.data.metrics["log_likelihood"] == pytest.approx(found.best)
    assert study.data.metrics["own_log_likelihood"] == pytest.approx(found.own)


def test_no_trial_sees_what_a_training_judges_on(intent):
    configure(intent, {"intent": {"iterations": 20}}, parts={"intent": MORE}, windows=2)
    (plan,) = tune.plans(site=SITE, parts=["intent"], context=intent)
    (start, end), (before, until) = plan.windows
    assert before < until == start < end < plan.as_of
    config = intent.site(SITE)
    log = train_predictor.read_log(intent, config, plan.as_of)
    judged = train_predictor.CONTESTS["intent"](config, log, plan.as_of, None).seen
    assert end.timestamp() // 86_400 <= judged.days.min()
    objective = PredictorObjective(intent, SITE, plan)
    assert objective.value({}, 0) < 0
    assert objective._log.interactions["timestamp"].max() < end


def test_a_parameter_that_is_the_sites_own_is_no_worse_than_itself(intent):
    configure(
        intent,
        {"intent": {"iterations": 20}},
        parts={"intent": {"tune_params": ["iterations"], "tune_ranges": [[20, 21, 1]]}},
    )
    (found,) = tune.run(site=SITE, parts=["intent"], context=intent).parts
    assert found.best == found.own
    assert found.params == {}
    assert Winner.of(intent.blobs, SITE) == {}


def test_next_items_are_tuned_by_kind_and_another_kind_is_left_alone(intent):
    poor = {"kind": "followers", "params": {"shrinkage": 30.0, "popularity_power": 1.0}}
    configure(
        intent,
        {"session": {**poor, "judged_prefixes": 500, "checks": {"min_sessions": 50}}},
        parts={"session": {"tune_params": ["popularity_power"], "tune_ranges": [[0.0, 0.5, 0.25]]}},
    )
    (found,) = tune.run(site=SITE, parts=["session"], context=intent).parts
    assert (found.part, found.objective) == ("session.followers", "mrr@20")
    assert found.best >= found.own > 0
    kept = Winner({"session.followers": {"popularity_power": 0.25}})
    kept.keep(intent.blobs, SITE)
    assert intent.tuned_site(SITE).predictors.session.params == {"shrinkage": 30.0, "popularity_power": 0.25}
    configure(intent, {"session": {"kind": "popular"}})
    assert intent.tuned_site(SITE).predictors.session.params == {}
    with pytest.raises(ConfigError, match=r"nothing to tune of session.popular; .*tuning.parts.session"):
        tune.plans(site=SITE, parts=["session"], context=intent)


def test_the_parts_of_a_mixture_are_tuned_and_other_parts_are_left_alone(intent):
    poor = {"kind": "mixture", "params": {"own_weight": 0.0}}
    configure(intent, {"session": {**poor, "judged_prefixes": 200, "checks": {"min_sessions": 50}}}, method="tpe")
    (found,) = tune.run(site=SITE, parts=["session"], trials=3, context=intent).parts
    assert (found.part, found.objective, found.trials) == ("session.mixture", "mrr@20", 3)
    tried = [trial.params for trial in Studies(intent.blobs, SITE).trials(found.study).values()]
    assert tried[0] == {}
    assert {"own_weight", "parts.1.weight", "parts.6.weight", "parts.6.params.position_decay"} <= tried[1].keys()
    assert tried[1] != tried[2]
    Winner({"session.mixture": tried[1]}).keep(intent.blobs, SITE)
    report = train_predictor.run(site=SITE, surface="session", context=intent)
    run = mlflow.MlflowClient(tracking_uri=intent.tracking_uri).get_run(report.mlflow_run_id)
    assert repr(tried[1]["parts.6.weight"]) in run.data.params["params"]
    one = {"kind": "mixture", "params": {"parts": [{"kind": "popular"}, {"kind": "followers"}]}}
    configure(intent, {"session": one})
    assert intent.tuned_site(SITE).predictors.session.params == one["params"]
    (plan,) = tune.plans(site=SITE, parts=["session"], context=intent)
    assert {name for name in plan.space if "parts" in name} == {"parts.1.weight", "parts.1.params.position_decay"}


def test_a_recurrent_network_is_tuned_and_its_parameters_are_none_of_the_trees(intent):
    pytest.importorskip("jax", reason="the extra neural is not installed")
    small = {"hidden_size": 2, "epochs": 1, "batch_size": 64, "learning_rate": 1e-9}
    configure(
        intent,
        {"intent": {"model": "recurrent", "sessions": 600, "recurrent": small}},
        parts={"intent": {"tune_params": ["learning_rate"], "tune_ranges": [[0.01, 0.02, 0.01]]}},
    )
    (found,) = tune.run(site=SITE, parts=["intent"], context=intent).parts
    assert (found.part, found.objective, found.trials) == ("intent.recurrent", "log_likelihood", 2)
    assert found.own < found.best < 0
    assert found.params == {"learning_rate": 0.01}
    assert intent.tuned_site(SITE).predictors.intent.recurrent.learning_rate == 0.01
    configure(intent, {"intent": {}})
    assert intent.tuned_site(SITE).predictors.intent == IntentPolicy()
    configure(intent, {"intent": {"model": "recurrent"}})
    (plan,) = tune.plans(site=SITE, parts=["intent"], context=intent)
    assert set(plan.space) == {"hidden_size", "batch_size", "learning_rate", "reg"}


def test_clicks_are_tuned_on_the_sites_own_impressions(make_context, tmp_path):
    context = make_context()
    rows, _ = drawn_clicks(24_000, rng=np.random.default_rng(1))
    show(context, rows)
    blind = {"min_rows": 100_000, "iterations": 20, "learning_rate": 0.2, "label_hours": 1}
    configure(context, {"ctr": blind}, parts={"ctr": {"tune_params": ["min_rows"], "tune_ranges": [[2, 12, 5]]}})
    ingest_events.run(site=SITE, first=START.date(), days=15, context=context)
    (found,) = tune.run(site=SITE, parts=["ctr"], context=context).parts
    assert found.own < found.best < 0
    assert found.params["min_rows"] in (2, 7)
    (window,) = Studies(context.blobs, SITE).plan(found.study).windows
    assert window[1] <= START + timedelta(days=0.81 * 14)
    configure(context, {"ctr": {"path": str(tmp_path)}})
    with pytest.raises(ConfigError, match="rows of a file have no windows"):
        tune.plans(site=SITE, parts=["ctr"], context=context)


def test_a_predictor_that_the_site_has_not_cannot_be_tuned(intent):
    with pytest.raises(ConfigError, match=r"found the part 'ctr', expected one of: .*ranker.*intent"):
        tune.run(site=SITE, parts=["ctr"], context=intent)


def test_every_parameter_that_ships_is_one_that_there_is():
    for part, policy in (("intent", IntentPolicy), ("intent.recurrent", RecurrentPolicy), ("ctr", CtrPolicy)):
        for name, values in SPACES[part].items():
            for value in values:
                assert getattr(policy.model_validate({name: value}), name) == value
    site = SiteConfig.model_validate(yaml.safe_load(YAML.format(site=SITE)))
    assert site.tuned({"intent": {"depth": 3}}) == site.tuned({})


def test_every_parameter_of_next_items_is_one_of_its_kind():
    from recsys.predictors.session.kinds import LEARNERS, checked

    for kind, learner in LEARNERS.items():
        space = SPACES.get(f"session.{kind}", {})
        for name, values in space.items():
            for value in values:
                assert getattr(learner.params.model_validate({name: value}), name) == value
    assert {part.removeprefix("session.") for part in SPACES if part.startswith("session.")} <= LEARNERS.keys()
    mixture = PredictorsPolicy(session=SessionPolicy(kind="mixture"))
    for name, values in space_of(mixture, "session.mixture").items():
        for value in values:
            *way, last = name.split(".")
            found = checked("mixture", {name: value})
            for step in way:
                found = found[int(step)] if step.isdecimal() else getattr(found, step)
            assert (found[last] if isinstance(found, dict) else getattr(found, last)) == value


@pytest.mark.parametrize("name", ["parts.7.weight", "parts.1", "part.1.weight", "own_weight.1", "parts.one.weight"])
def test_a_name_that_reaches_nothing_is_refused(name):
    from recsys.predictors.session.kinds import checked

    with pytest.raises(ConfigError, match=rf"found the param {name}, expected a name in what is there"):
        checked("mixture", {name: 1.0})
    with pytest.raises(ConfigError, match="mixture refuses its params"):
        checked("mixture", {"parts.1.wieght": 1.0})
