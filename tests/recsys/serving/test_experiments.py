from datetime import timedelta

import pytest

from recsys.errors import ExperimentError, ReleaseError
from recsys.serving import experiments, publishing
from recsys.serving.audit import changes as release_changes
from recsys.serving.lifecycle import activate, releases
from recsys.sites.experiment import Experiment
from recsys.testing.small_release import NOON, SITE
from recsys.types import Frozen


class Judged(Frozen):
    arm: str
    outcome: str


def experiment(release_id: str | None, name: str = "fresh", **more) -> Experiment:
    arms = [{"name": "live", "share": 0.5}, {"name": "fresh", "share": 0.5, "release_id": release_id}]
    return Experiment(id=name, site=SITE, **{"arms": arms, **more})


def states(dsn) -> dict[str, str]:
    return {release.release_id: release.state for release in releases(dsn, SITE)}


def test_what_an_experiment_tries_is_a_canary_until_it_ends(dsn, published):
    live, tried = published(live=True), published()
    started = experiments.start(dsn, experiment(tried), NOON, by="ada", reason="newer")
    assert (started.state, started.ramp, started.started_at) == ("running", 0.01, NOON)
    assert states(dsn) == {live: "live", tried: "canary"}
    ended = experiments.end(dsn, SITE, "fresh", "aborted", NOON + timedelta(hours=3), reason="Worse.", by="bob")
    assert (ended.state, ended.reason, ended.ended_at) == ("aborted", "Worse.", NOON + timedelta(hours=3))
    assert states(dsn) == {live: "live", tried: "retired"}
    history = [
        (change.action, change.changed_by, change.reason) for change in experiments.history(dsn, SITE, "fresh").history
    ]
    assert history == [("start", "ada", "newer"), ("abort", "bob", "Worse.")]
    assert release_changes(dsn, SITE, release_id=tried)[0].reason == "Worse."


def test_predictors_have_no_arms(dsn):
    with pytest.raises(ExperimentError, match="found experiment 'fresh' of session, expected one of recommendations"):
        experiments.start(dsn, experiment(None, surface="session"), NOON)
    assert experiments.experiments(dsn, SITE) == []


def test_a_live_predictor_is_no_arm_of_recommendations(dsn, tmp_path):
    (tmp_path / "predictor.json").write_text("{}")
    publishing.record_release(dsn, SITE, "buys", as_of=NOON, at=NOON, state="gated", surface="intent")
    publishing.publish_model(dsn, SITE, "buys", tmp_path)
    publishing.activate(dsn, SITE, "buys", NOON)
    with pytest.raises(ExperimentError, match="found buys of intent as an arm of 'fresh', expected"):
        experiments.start(dsn, experiment("buys"), NOON)
    assert experiments.experiments(dsn, SITE) == []


def test_what_went_live_stays_live_when_its_experiment_ends(dsn, published):
    live, tried = published(live=True), published()
    experiments.start(dsn, experiment(tried), NOON)
    activate(dsn, SITE, tried, NOON + timedelta(days=9))
    experiments.end(dsn, SITE, "fresh", "promoted", NOON + timedelta(days=9), reason="Better.")
    assert states(dsn) == {live: "retired", tried: "live"}


def test_the_ramp_only_grows_and_each_step_is_noted(dsn, published):
    published(live=True)
    tried = experiment(published())
    experiments.start(dsn, tried, NOON)
    judged = [Judged(arm="fresh", outcome="continue")]
    for hour, ramp in enumerate((0.01, 0.05, 0.05, 0.01), start=1):
        record = experiments.look(
            dsn, tried, NOON + timedelta(hours=hour), ramp=ramp, decisions=judged, reason=f"look {hour}"
        )
    assert (record.ramp, record.reason, record.looked_at) == (0.05, "look 4", NOON + timedelta(hours=4))
    assert record.decisions == ({"arm": "fresh", "outcome": "continue"},)
    assert [(change.action, change.ramp) for change in experiments.history(dsn, SITE, "fresh").history] == [
        ("start", 0.01),
        ("ramp", 0.05),
    ]


def test_experiments_that_could_share_users_do_not_run_together(dsn, published):
    published(live=True)
    experiments.start(dsn, experiment(None, slots=(0, 5000), ramp=(0.1,)), NOON)
    with pytest.raises(ExperimentError, match="'fresh' runs in layer 'default' with slots"):
        experiments.start(dsn, experiment(None, "second", slots=(4000, 9000), ramp=(0.1,)), NOON)
    experiments.start(dsn, experiment(None, "third", slots=(5000, 9000), ramp=(0.1,)), NOON)
    experiments.start(dsn, experiment(None, "fourth", layer="other"), NOON)
    experiments.end(dsn, SITE, "fresh", "inconclusive", NOON, reason="Either is possible.")
    experiments.start(dsn, experiment(None, "second", slots=(4000, 5000), ramp=(0.01,)), NOON)
    running = {record.experiment.id for record in experiments.experiments(dsn, SITE) if record.state == "running"}
    assert running == {"second", "third", "fourth"}


def test_a_name_is_used_once_and_what_is_over_stays_over(dsn, published):
    published(live=True)
    tried = experiment(None)
    experiments.start(dsn, tried, NOON)
    with pytest.raises(ExperimentError, match="'fresh' exists"):
        experiments.start(dsn, tried, NOON)
    experiments.end(dsn, SITE, "fresh", "aborted", NOON, reason="Worse.")
    with pytest.raises(ExperimentError, match="found it aborted"):
        experiments.end(dsn, SITE, "fresh", "promoted", NOON, reason="Better.")
    with pytest.raises(ExperimentError, match="found it aborted"):
        experiments.look(dsn, tried, NOON, ramp=0.5, decisions=[], reason="")
    with pytest.raises(ExperimentError, match="has no experiment 'unknown'"):
        experiments.experiment(dsn, SITE, "unknown")


def test_nothing_starts_where_a_release_cannot_answer(dsn, published):
    live, tried = published(live=True), published()
    with pytest.raises(ReleaseError, match="no release"):
        experiments.start(dsn, experiment("unknown"), NOON)
    three = [
        {"name": "live", "share": 0.4},
        {"name": "one", "share": 0.3, "release_id": tried},
        {"name": "two", "share": 0.3, "release_id": "unknown"},
    ]
    with pytest.raises(ReleaseError):
        experiments.start(dsn, experiment(None, arms=three), NOON)
    assert states(dsn) == {live: "live", tried: "gated"}
    assert experiments.experiments(dsn, SITE) == []
