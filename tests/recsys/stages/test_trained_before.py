"""A training of a predictor ends early where it would give what the last one gave, and nowhere else."""

from datetime import timedelta

import numpy as np
import pytest
import yaml

from recsys.predictors.gate import Decision
from recsys.serving import lifecycle, publishing
from recsys.serving.postgres import transaction
from recsys.stages import activate_release, ingest_events, trained_before
from recsys.stages.predictor_report import PredictorReport
from recsys.testing.clicks import drawn_clicks
from tests.recsys.stages.conftest import AS_OF, FIRST, SITE, YAML, show


@pytest.fixture
def shop(unvisited):
    """Two days of a shop that predicts."""
    configure(unvisited)
    ingest(unvisited, days=2)
    return unvisited


def configure(context, *, intent=(), ctr=(), **more):
    site = yaml.safe_load(YAML.format(site=SITE)) | more
    site |= {"predictors": {"intent": dict(intent), "ctr": dict(ctr), "session": {}}}
    (context.settings.sites_dir / f"{SITE}.yaml").write_text(yaml.safe_dump(site))


def ingest(context, *, days):
    ingest_events.run(site=SITE, first=FIRST, days=days, context=context)


def fingerprint(context, surface="intent", as_of=AS_OF):
    return trained_before.fingerprint(context, context.site(SITE), surface, as_of)


def erase(context, user):
    with transaction(context.dsn) as cursor:
        cursor.execute("INSERT INTO recsys.erasure (site, user_id, erased_at) VALUES (%s, %s, %s)", (SITE, user, AS_OF))


def test_whatever_a_training_looks_at_makes_it_another(shop, monkeypatch):
    found = [fingerprint(shop)]

    def differs():
        found.append(fingerprint(shop))
        return len(set(found)) == len(found)

    assert fingerprint(shop) == found[0]
    configure(shop, intent={"iterations": 41})
    assert differs()
    configure(shop, intent={"iterations": 41}, windows={"history_days": 50, "label_days": 7, "evaluation_days": 7})
    assert differs()
    ingest(shop, days=3)
    assert differs()
    erase(shop, "u00001")
    assert differs()
    monkeypatch.setattr(trained_before, "code_version", lambda: "other")
    assert differs()
    assert fingerprint(shop, "session") != found[-1]
    assert fingerprint(shop, as_of=AS_OF - timedelta(days=1)) != found[-1]


def test_what_it_does_not_look_at_leaves_it(shop):
    before = fingerprint(shop)
    ingest(shop, days=2)
    configure(shop, ctr={"iterations": 41}, schedule={"train_every_hours": 6}, title="Another name")
    show(shop, drawn_clicks(10, rng=np.random.default_rng(1))[0])
    assert fingerprint(shop) == before


def test_clicks_are_new_where_something_was_shown_or_the_file_is_another(shop, tmp_path):
    shown, _ = drawn_clicks(10, rng=np.random.default_rng(1))
    later = shown["timestamp"].max() + timedelta(seconds=1)
    before = fingerprint(shop, "ctr", later)
    assert fingerprint(shop, "ctr", later) == before
    show(shop, shown)
    assert fingerprint(shop, "ctr", later) != before
    rows = tmp_path / "train.csv"
    rows.write_text("click,item_id\n0,i1\n")
    configure(shop, ctr={"path": str(tmp_path)})
    of_file = fingerprint(shop, "ctr")
    rows.write_text("click,item_id\n1,i1\n")
    assert fingerprint(shop, "ctr") != of_file
    rows.write_text("click,item_id\n0,i1\n")
    assert fingerprint(shop, "ctr") == of_file


@pytest.fixture
def trained(shop, tmp_path):
    """A training whose release came so far."""

    def trained(state, *, published=True):
        report = PredictorReport(
            site=SITE,
            surface="intent",
            release_id="r1",
            as_of=AS_OF,
            state=state,
            decision=Decision(accepted=state != "refused", reason="said so", against={}),
            learned_rows=7,
            quality={},
            model_version="v1",
            mlflow_run_id="run",
        )
        described = report.model_dump(mode="json", exclude={"state", "page", "unchanged"})
        how = {"as_of": AS_OF, "at": AS_OF, "surface": "intent", "report": described}
        lifecycle.record_release(shop.dsn, SITE, "r1", state=state, **how)
        if published:
            (tmp_path / "model").mkdir()
            (tmp_path / "model" / "predictor.json").write_text("{}")
            publishing.publish_model(shop.dsn, SITE, "r1", tmp_path / "model")
        trained_before.remember(shop, report, "the same")
        return report

    return trained


def outcome(context, made_of="the same"):
    return trained_before.outcome(context, SITE, "intent", made_of)


def test_before_the_first_training_and_after_another_one_nothing_is_known(shop, trained):
    assert outcome(shop) is None
    trained("refused", published=False)
    assert outcome(shop, "other") is None
    assert trained_before.outcome(shop, SITE, "session", "the same") is None


def test_what_was_refused_is_not_trained_again(shop, trained):
    report = trained("refused", published=False)
    assert outcome(shop) == report.model_copy(update={"unchanged": True})


def test_what_did_not_come_into_postgres_is_trained_again(shop, trained):
    trained("gated", published=False)
    assert outcome(shop) is None


def test_what_is_not_recorded_is_trained_again(shop, trained):
    trained("refused", published=False)
    with transaction(shop.dsn) as cursor:
        cursor.execute("DELETE FROM recsys.release")
    assert outcome(shop) is None


def test_what_waits_is_asked_about_again_until_someone_answers(shop, trained):
    trained("gated")
    assert (outcome(shop).state, outcome(shop).unchanged) == ("gated", False)
    activate_release.run(site=SITE, release_id="r1", approved=False, reason="No.", by="anna", context=shop)
    assert (outcome(shop).state, outcome(shop).unchanged) == ("gated", True)


def test_what_went_live_is_not_trained_again_whatever_became_of_it(shop, trained):
    trained("gated")
    publishing.activate(shop.dsn, SITE, "r1", AS_OF)
    assert (outcome(shop).state, outcome(shop).unchanged) == ("live", True)
    with transaction(shop.dsn) as cursor:
        cursor.execute("UPDATE recsys.release SET state = 'retired'")
    assert (outcome(shop).state, outcome(shop).unchanged) == ("retired", True)
