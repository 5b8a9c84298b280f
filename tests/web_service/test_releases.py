import pytest

from recsys.testing.small_release import SITE

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
