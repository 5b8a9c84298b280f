"""Experiments over HTTP: started, listed, promoted, aborted, and refused with the reason."""

import pytest

from recsys.serving import publishing
from recsys.testing.small_release import NOON, SITE

PATH = f"/v1/{SITE}/experiments"
BODY = {
    "id": "fresh",
    "arms": [{"name": "live", "share": 0.5}, {"name": "second", "share": 0.5, "release_id": "second"}],
}


@pytest.fixture
def asked(client, without_release, release_files):
    """The client of a shop with a second release beside the live one, and no experiment."""
    dsn = without_release.postgres_dsn()
    publishing.record_release(dsn, SITE, "second", as_of=NOON, at=NOON, state="gated")
    publishing.publish(dsn, SITE, "second", *release_files["second"])
    return client


def states(client) -> dict[str, str]:
    return {each["release_id"]: each["state"] for each in client.get(f"/v1/{SITE}/releases").json()["releases"]}


def test_an_experiment_is_started_shown_and_promoted(asked):
    started = asked.post(PATH, json=BODY)
    assert started.status_code == 201, started.text
    assert (started.json()["state"], started.json()["ramp"]) == ("running", 0.01)
    assert states(asked) == {"first": "live", "second": "canary"}
    assert [each["experiment"]["id"] for each in asked.get(PATH).json()["experiments"]] == ["fresh"]
    done = asked.post(f"{PATH}/fresh/promote", json={"reason": "enough seen"})
    assert (done.json()["state"], done.json()["reason"]) == ("promoted", "enough seen")
    assert states(asked) == {"first": "retired", "second": "live"}
    history = asked.get(f"{PATH}/fresh").json()["history"]
    assert [each["action"] for each in history] == ["start", "promote"]


def test_an_aborted_experiment_leaves_what_is_live(asked):
    asked.post(PATH, json=BODY)
    assert asked.post(f"{PATH}/fresh/abort").json()["state"] == "aborted"
    assert states(asked) == {"first": "live", "second": "retired"}
    again = asked.post(f"{PATH}/fresh/abort")
    assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "experiment-conflict")


def test_what_cannot_run_is_refused_with_the_reason(asked):
    halves = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.4}]
    refused = asked.post(PATH, json={"id": "odd", "arms": halves})
    assert refused.status_code == 422
    assert "found shares that sum to 0.9, expected 1" in refused.text
    unknown = asked.post(PATH, json={**BODY, "arms": [BODY["arms"][0], {**BODY["arms"][1], "release_id": "none"}]})
    assert unknown.status_code == 404
    missing = asked.post(f"{PATH}/nothing/promote")
    assert (missing.status_code, missing.json()["type"].rpartition(":")[2]) == (404, "unknown-experiment")
    assert asked.get(PATH).json()["experiments"] == []
    asked.post(PATH, json=BODY)
    wrong = asked.post(f"{PATH}/fresh/promote", params={"arm": "live"})
    assert wrong.status_code == 409
    assert "found arm 'live', expected one of: second" in wrong.text
