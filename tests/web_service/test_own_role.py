"""The service lives on the rights of its own role: snapshots, events, erasure, keys, pointers."""

from datetime import UTC, datetime

from recsys.serving.api_keys import create_key, list_keys
from recsys.testing.small_release import SITE
from tests.web_service.conftest import as_web, publish_release, running, until
from tests.web_service.test_standing import own, snapshot_answers  # noqa: F401 - a fixture
from web_service.app import create_app


def test_all_that_it_does_it_may(own, release_files):  # noqa: F811
    made = create_key(own.postgres_dsn(), site=SITE, scopes=["admin"], at=datetime.now(UTC), by="the test")
    settings = as_web(own).model_copy(update={"recsys_require_keys": True})
    app = create_app(settings)
    event = {"user_id": "anna", "item_id": "i01", "event_type": "view"}
    with running(settings, app) as client:
        client.headers["Authorization"] = f"Bearer {made.key}"
        until(snapshot_answers(app))
        assert client.get("/health/ready").json()["migrated"]
        assert client.get(f"/v1/{SITE}/recommendations?user_id=anna").json()["items"]
        sold_out = {"kind": "item_update", "item_id": "i07", "available": False}
        assert client.post(f"/v1/{SITE}/events", json=[event, sold_out]).status_code == 202
        assert client.delete(f"/v1/{SITE}/users/anna").json()["events"] == 1
        publish_release(own, "second", *release_files["second"])
        for action, status in (("rollback", 200), ("second/activate", 200), ("first/retire", 409)):
            assert client.post(f"/v1/{SITE}/releases/{action}").status_code == status
    assert list_keys(own.postgres_dsn(), SITE)[0].last_used_at is not None
