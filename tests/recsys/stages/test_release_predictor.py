"""A judged predictor in the registry of models, waiting for a person, and back again."""

from datetime import timedelta
from itertools import count

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml

from recsys.predictors.gate import Decision
from recsys.predictors.intent import fit_intent
from recsys.predictors.quality import probability_quality
from recsys.releases.registered_predictor import SESSION
from recsys.serving import lifecycle
from recsys.serving.audit import changes
from recsys.serving.predicting.intent import PurchaseIntent
from recsys.serving.predicting.session import SessionEvent, SessionRules
from recsys.sites.predictor_policy import IntentPolicy
from recsys.stages import activate_release, change_release, maintain_storage, release_predictor
from recsys.stages.predictor_report import PredictorReport
from recsys.testing.buying import drawn_sessions
from tests.recsys.stages.conftest import AS_OF, YAML
from tests.web_service.conftest import running, until

RULES = SessionRules(
    event_types=("view", "cart", "purchase"), purchase="purchase", cart="cart", remove="remove", pause_seconds=1800.0
)
_numbers = count(1)


@pytest.fixture(scope="module")
def context(make_context):
    return make_context()


@pytest.fixture
def site(context):
    """One of its own: the server of MLflow is everybody's. It wants canaries, which a predictor needs none of."""
    name = f"predicting_shop_{next(_numbers)}"
    with_approval(context, name, required=False)
    return name


def with_approval(context, site, *, required):
    chosen = {"predictors": {"intent": {}}, "approval": {"required": required}, "canary": {"enabled": True}}
    path = context.settings.sites_dir / f"{site}.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(YAML.format(site=site)) | chosen))


@pytest.fixture
def released(context, site, tmp_path):
    """Fits a model with so many trees, and releases it as the gate is said to have decided."""

    def released(trees, *, accepted=True):
        policy = IntentPolicy(iterations=trees, learning_rate=0.2)
        model = fit_intent(
            drawn_sessions(300, rng=np.random.default_rng(1)), RULES, policy, rng=np.random.default_rng(2)
        ).model
        folder = tmp_path / f"trees-{trees}"
        version = model.save(folder)
        report = PredictorReport(
            site=site,
            surface="intent",
            release_id=f"{site}-intent-{trees}",
            as_of=AS_OF + timedelta(hours=trees),
            state="gated",
            decision=Decision(accepted=accepted, reason="surely better", against={}),
            learned_rows=300,
            quality={"model": probability_quality(np.array([True, False]), np.array([0.6, 0.3]))},
            model_version=version,
            mlflow_run_id="",
        )
        return release_predictor.run(context, context.site(site), report, folder)

    return released


def aliases(context, site):
    return mlflow.MlflowClient(tracking_uri=context.tracking_uri).get_registered_model(f"{site}-intent").aliases


def test_the_registered_model_answers_as_the_one_that_was_released(context, site, released, tmp_path):
    report = released(3)
    assert report.state == "live"
    name = f"{site}-intent"
    mlflow.set_tracking_uri(context.tracking_uri)
    version = mlflow.MlflowClient().get_model_version_by_alias(name, "live")
    assert (version.tags["release_id"], version.run_id) == (report.release_id, report.mlflow_run_id)
    loaded = mlflow.pyfunc.load_model(f"models:/{name}@live")
    saved = PurchaseIntent.load(tmp_path / "trees-3")
    sessions = ["view", "view,cart", ""]
    said = loaded.predict(pd.DataFrame({SESSION: sessions}))
    events = [[SessionEvent(kind) for kind in each.split(",")] for each in sessions]
    assert said.tolist() == saved.predict(events).tolist()
    assert len(set(said.tolist())) == 3


def test_aliases_follow_what_is_live_and_what_was_refused(context, site, released):
    first, second, worse = released(3), released(4), released(5, accepted=False)
    assert [first.state, second.state, worse.state] == ["live", "live", "refused"], "and no user is asked first"
    assert aliases(context, site) == {"live": "2", "challenger": "3"}
    change_release.roll_back(site=site, surface="intent", context=context)
    assert aliases(context, site)["live"] == "1"
    change_release.activate(site=site, release_id=second.release_id, context=context)
    assert aliases(context, site)["live"] == "2"
    lifecycle.rollback(context.dsn, site, context.now(), surface="intent")
    maintain_storage.run(site=site, context=context)
    assert aliases(context, site)["live"] == "1", "a pointer that moved while MLflow was away"
    shown = change_release.shown(site=site, release_id=worse.release_id, context=context)
    assert (shown["surface"], shown["manifest"]["registered_version"]) == ("intent", "3")


def test_aliases_follow_over_http_too(context, site, released):
    released(3), released(4)
    with running(context.settings) as client:
        rolled = client.post(f"/v1/{site}/releases/rollback", json={"surface": "intent", "reason": "too sure"})
        assert rolled.status_code == 200, rolled.text
        until(lambda: aliases(context, site) == {"live": "1"})
        client.post(f"/v1/{site}/releases/{site}-intent-4/activate")
        until(lambda: aliases(context, site) == {"live": "2"})


def test_the_same_release_again_is_one_version_and_stays_what_it_became(context, site, released):
    first, second = released(3), released(4)
    again = released(3)
    assert (again.state, again.mlflow_run_id) == ("retired", first.mlflow_run_id)
    assert aliases(context, site) == {"live": "2"}
    assert lifecycle.live_release(context.dsn, site, "intent").release_id == second.release_id


def test_where_the_site_wants_it_a_person_says_yes_and_silence_is_a_no(context, site, released):
    before = released(3)
    with_approval(context, site, required=True)
    waiting = released(4)
    assert waiting.state == "gated"
    assert aliases(context, site) == {"live": "1", "challenger": "2"}
    answer = {"site": site, "release_id": waiting.release_id, "context": context}
    silence = activate_release.run(**answer, approved=False, reason="Nobody approved it in time.", by="nobody")
    assert not silence.live
    assert lifecycle.live_release(context.dsn, site, "intent").release_id == before.release_id
    told = activate_release.run(**answer, approved=True, reason="Approved by anna.", by="Airflow user anna")
    assert told.live
    assert lifecycle.live_release(context.dsn, site, "intent").release_id == waiting.release_id
    assert aliases(context, site) == {"live": "2"}
    assert ("activate", "Airflow user anna") in {
        (each.action, each.changed_by) for each in changes(context.dsn, site, release_id=waiting.release_id)
    }
