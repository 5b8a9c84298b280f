from datetime import timedelta

import pytest

from recsys.serving import publishing
from recsys.testing.small_release import NOON, SITE

RELEASES = f"/v1/{SITE}/releases"


@pytest.fixture
def two(client, publish):
    """Asks a shop whose second release is live, after the first."""
    publish("second")
    return client


def test_a_release_is_shown_with_manifest_and_report(two):
    shown = two.get(f"{RELEASES}/second").json()
    assert (shown["state"], shown["surface"], shown["manifest"], shown["report"]) == ("live", "recommendations", {}, {})
    unknown = two.get(f"{RELEASES}/third")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:recsys:problem:unknown-release")


def test_two_releases_are_compared(two):
    found = two.get(f"{RELEASES}/second/diff", params={"with": "first"}).json()
    assert found["overlap"] == {"users": 4, "first_10": 0.95, "same_first": 0.75}
    assert (found["configuration"], found["data"], found["files"], found["metrics"]) == ({}, {}, {}, {})
    assert two.get(f"{RELEASES}/second/diff").status_code == 422


def test_changes_stand_in_the_audit_with_who_and_why(two):
    two.post(f"{RELEASES}/rollback", json={"reason": "complaints"})
    two.post(f"{RELEASES}/second/activate")
    told = two.get(f"{RELEASES}/audit", params={"limit": 4}).json()["changes"]
    assert [(each["release_id"], each["action"], each["state_after"], each["reason"]) for each in told] == [
        ("first", "activate", "retired", "second took its place"),
        ("second", "activate", "live", ""),
        ("first", "rollback", "live", "complaints"),
        ("second", "rollback", "retired", "rolled back to first: complaints"),
    ]
    assert {each["changed_by"] for each in told} == {"no key, from 127.0.0.1"}


@pytest.fixture
def predictors(two, shop, tmp_path):
    """Two releases of purchase intent beside the shop's, the second one live."""
    dsn = shop.postgres_dsn()
    (tmp_path / "predictor.json").write_text("{}")
    for release_id in ("intent-1", "intent-2"):
        publishing.record_release(dsn, SITE, release_id, as_of=NOON, at=NOON, state="gated", surface="intent")
        publishing.publish_model(dsn, SITE, release_id, tmp_path)
        publishing.activate(dsn, SITE, release_id, NOON + timedelta(hours=int(release_id[-1])))
    return two


def test_each_surface_is_shown_and_rolled_back_by_itself(predictors):
    def live():
        found = predictors.get(RELEASES).json()
        assert found["live"]["release_id"] == "second"
        return {each["surface"]: each["release_id"] for each in found["pointers"]}

    assert live() == {"intent": "intent-2", "recommendations": "second"}
    rolled = predictors.post(f"{RELEASES}/rollback", json={"surface": "intent", "reason": "too sure"}).json()
    assert (rolled["surface"], rolled["release_id"]) == ("intent", "intent-1")
    assert live() == {"intent": "intent-1", "recommendations": "second"}
    told = predictors.get(f"{RELEASES}/audit", params={"limit": 1}).json()["changes"]
    assert (told[0]["release_id"], told[0]["reason"]) == ("intent-1", "too sure")
    assert predictors.post(f"{RELEASES}/intent-2/activate").json()["surface"] == "intent"
    assert live()["intent"] == "intent-2"
    some = predictors.get(RELEASES, params={"surface": "intent"}).json()["releases"]
    assert {each["release_id"] for each in some} == {"intent-1", "intent-2"}
    assert predictors.post(f"{RELEASES}/intent-2/retire").status_code == 409
    assert predictors.post(f"{RELEASES}/intent-1/canary").status_code == 409
    assert predictors.post(f"{RELEASES}/rollback", json={"surface": "ctr"}).status_code == 409
    wrong = predictors.post(f"{RELEASES}/rollback", json={"surface": "slates"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "surface")


def test_rows_are_dropped_never_those_that_serve(two):
    for release_id in ("first", "second"):
        assert two.post(f"{RELEASES}/{release_id}/retire").status_code == 409
    two.post(f"{RELEASES}/rollback")
    retired = two.post(f"{RELEASES}/second/retire", json={"reason": "not needed"})
    assert (retired.status_code, retired.json()["published"]) == (200, False)
    assert two.post(f"{RELEASES}/second/activate").json()["type"].endswith("release-conflict")
    assert two.post(f"{RELEASES}/first/canary").status_code == 409


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "first"),
        ("GET", "first/diff?with=first"),
        ("GET", "audit"),
        ("POST", "first/activate"),
        ("POST", "first/canary"),
        ("POST", "first/retire"),
        ("POST", "rollback"),
    ],
)
def test_only_admins_look_closely_and_change(serve, shop, method, path):
    keyed = shop.model_copy(update={"recsys_require_keys": True})
    with serve(keyed) as client:
        key = keyed.recsys_read_key.get_secret_value()
        reply = client.request(method, f"{RELEASES}/{path}", headers={"Authorization": f"Bearer {key}"})
        assert reply.status_code == 403


def test_the_audit_names_the_key(serve, shop, publish):
    publish("second")
    keyed = shop.model_copy(update={"recsys_require_keys": True})
    with serve(keyed) as client:
        admin = {"Authorization": f"Bearer {keyed.recsys_admin_key.get_secret_value()}"}
        assert client.post(f"{RELEASES}/rollback", headers=admin).status_code == 200
        told = client.get(f"{RELEASES}/audit", headers=admin).json()["changes"][0]
    assert told["changed_by"] == "key operator-admin, from 127.0.0.1"


def test_what_was_retired_here_waits_for_the_maintenance_and_forgets_users_meanwhile(two, rows):
    two.post(f"{RELEASES}/rollback")
    two.post(f"{RELEASES}/second/retire")
    assert rows("SELECT count(*) FROM recsys.slate WHERE release_id = 'second'")[0][0] > 0
    two.delete(f"/v1/{SITE}/users/anna")
    assert rows("SELECT count(*) FROM recsys.slate WHERE release_id = 'second' AND user_id = 'anna'") == [(0,)]
    assert rows("SELECT DISTINCT published FROM recsys.release WHERE release_id = 'second'") == [(False,)]
