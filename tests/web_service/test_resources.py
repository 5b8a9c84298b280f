from datetime import timedelta

import pytest

from recsys.serving import publishing
from recsys.serving.postgres import transaction
from recsys.testing.small_release import NOON, SITE, SLATES
from tests.web_service.conftest import until


def ids(reply):
    assert reply.status_code == 200, reply.text
    return [item["item_id"] for item in reply.json()["items"]]


def test_similar_items_are_those_that_are_available(client):
    reply = client.get(f"/v1/{SITE}/items/i01/similar", params={"k": 3})
    assert ids(reply) == ["i07", "i08", "i02"]
    assert {tuple(item["because"]) for item in reply.json()["items"]} == {("i01",)}
    assert ids(client.get(f"/v1/{SITE}/items/i09/similar")) == ["i07"]
    assert ids(client.get(f"/v1/{SITE}/items/i10/similar")) == []


def test_popular(client):
    assert ids(client.get(f"/v1/{SITE}/popular", params={"k": 4})) == ["i10", "i02", "i06", "i01"]
    assert ids(client.get(f"/v1/{SITE}/popular", params={"k": 2, "category": "books"})) == ["i02", "i06"]
    assert ids(client.get(f"/v1/{SITE}/popular", params={"k": 2, "category": "toys"})) == ["i01", "i03"]


def test_items_are_described_in_the_order_asked(client):
    reply = client.get(f"/v1/{SITE}/items", params={"ids": "i12,unknown,i01"}).json()
    assert reply[0] == {"item_id": "i12", "title": "Title of i12", "category": "books", "price": 12.0}
    assert [item["item_id"] for item in reply] == ["i12", "i01"]


def test_some_users_to_start_with(client):
    users = client.get(f"/v1/{SITE}/users", params={"limit": 3}).json()
    assert len(users) == 3
    assert set(users) <= SLATES.keys()
    assert set(client.get(f"/v1/{SITE}/users", params={"limit": 100}).json()) == SLATES.keys()


def test_releases_are_listed_and_moved(client, publish):
    publish("second")
    listing = client.get(f"/v1/{SITE}/releases").json()
    assert listing["live"]["release_id"] == "second"
    assert {release["release_id"]: release["state"] for release in listing["releases"]} == {
        "first": "retired",
        "second": "live",
    }
    back = client.post(f"/v1/{SITE}/releases/rollback")
    assert (back.status_code, back.json()["release_id"]) == (200, "first")
    assert client.post(f"/v1/{SITE}/releases/rollback").json()["type"].endswith("release-conflict")
    assert client.post(f"/v1/{SITE}/releases/second/activate").json()["previous"] == "first"
    unknown = client.post(f"/v1/{SITE}/releases/third/activate")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:recsys:problem:unknown-release")


def test_a_refused_release_is_not_activated(client, shop):
    dsn = shop.postgres_dsn()
    publishing.record_release(dsn, SITE, "bad", as_of=NOON, at=NOON + timedelta(hours=1), state="refused")
    assert client.post(f"/v1/{SITE}/releases/bad/activate").status_code == 409
    assert client.get(f"/v1/{SITE}/releases").json()["live"]["release_id"] == "first"


def test_sites_say_what_their_users_can_do(client, shop):
    (shop.sites_dir / "broken.yaml").write_text("site: broken\n")
    broken, whole = client.get("/v1/sites").json()
    assert "source" in broken["fault"]
    assert (whole["site"], whole["event_types"]) == (SITE, ["view", "cart", "purchase"])


def test_ready_means_that_it_can_answer(client):
    reply = client.get("/health/ready")
    assert (reply.status_code, reply.json()["live_releases"]) == (200, {SITE: "first"})


def test_not_ready_without_a_database_or_its_tables(serve, shop, settings, createdb):
    away = shop.model_copy(update={"recsys_postgres_port": settings.recsys_postgres_port})
    empty = shop.model_copy(update={"recsys_postgres_database": createdb().recsys_postgres_database})
    for settings_, reason in ((away, "does not answer"), (empty, "python -m recsys.serving.migrate")):
        with serve(settings_) as client:
            assert client.get("/health/live").status_code == 200
            reply = client.get("/health/ready")
            assert reply.status_code == 503
            assert reason in reply.json()["detail"]


def test_what_is_measured(serve, shop):
    with serve(shop) as client:
        client.get(f"/v1/{SITE}/recommendations", params={"user_id": "anna", "k": 5})
        client.get(f"/v1/{SITE}/recommendations", params={"user_id": "nobody", "k": 500})
        client.get(f"/v1/{SITE}/recommendations", params={"k": 0})
        client.post(
            f"/v1/{SITE}/events", json=[{"event_id": "e", "user_id": "u", "item_id": "i", "event_type": "view"}] * 3
        )
        client.get("/no/such/address")
        text = client.get("/metrics").text
    for line in (
        'recsys_answers_total{arm="live",kind="personal",mode="blended",site="shop"} 1.0',
        'recsys_answers_total{arm="live",kind="default",mode="blended",site="shop"} 1.0',
        f'recsys_slates_as_of_timestamp_seconds{{site="shop"}} {NOON.timestamp():.7e}',
        'recsys_items_served_total{site="shop",source="ranked"} 4.0',
        'recsys_items_served_total{site="shop",source="popular"} 4.0',
        'recsys_short_answers_total{site="shop"} 1.0',
        'recsys_events_total{outcome="accepted",site="shop"} 1.0',
        'recsys_events_total{outcome="duplicate",site="shop"} 2.0',
        'recsys_http_requests_total{method="GET",route="/v1/{site}/recommendations",status="422"} 1.0',
        'recsys_http_request_seconds_count{method="GET",route="/v1/{site}/recommendations"} 3.0',
        'recsys_http_requests_total{method="GET",route="none",status="404"} 1.0',
    ):
        assert line in text
    assert "anna" not in text


@pytest.mark.parametrize("path", ["/", "/docs", "/health/live", f"/v1/{SITE}/popular", "/nowhere"])
def test_every_response_has_its_id_and_is_guarded(client, path):
    headers = client.get(path).headers
    assert len(headers["x-request-id"]) == 32
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'self'" in headers["content-security-policy"]


def test_page_and_docs_load_nothing_from_elsewhere(client):
    for path in (
        "/",
        "/docs",
        "/static/app.js",
        "/static/app.css",
        "/static/docs.js",
        "/static/swagger/swagger-ui.css",
    ):
        reply = client.get(path)
        assert reply.status_code == 200, path
        assert 'src="http' not in reply.text
        assert 'href="http' not in reply.text


def test_an_impression_that_cannot_be_written_harms_no_answer(serve, shop):
    dsn = shop.postgres_dsn()
    with transaction(dsn) as cursor:
        cursor.execute("ALTER TABLE recsys.impression RENAME TO set_aside")
    try:
        with serve(shop) as client:
            assert len(ids(client.get(f"/v1/{SITE}/recommendations", params={"k": 3}))) == 3
            until(lambda: 'recsys_impressions_total{outcome="failed"} 1.0' in client.get("/metrics").text)
    finally:
        with transaction(dsn) as cursor:
            cursor.execute("ALTER TABLE recsys.set_aside RENAME TO impression")
