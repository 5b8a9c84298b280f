"""What is wrong with the input is said, by field and reason, and is never our failure."""

import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as times
from hypothesis import strategies as st

from recsys.testing.small_release import SITE

ASK = f"/v1/{SITE}/recommendations"
EVENT = {"user_id": "anna", "item_id": "i01", "event_type": "view"}

JSON = {"content-type": "application/json"}


def require_problem(response, status, kind):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["type"], problem["status"]) == (f"urn:recsys:problem:{kind}", status)
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"k": "0"}, "k"),
        ({"k": "501"}, "k"),
        ({"k": "-1"}, "k"),
        ({"k": "ten"}, "k"),
        ({"k": "1e400"}, "k"),
        ({"mode": "fast"}, "mode"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": "a\x00b"}, "user_id"),
        ({"user_id": "line\nbreak"}, "user_id"),
        ({"user_id": "x" * 257}, "user_id"),
        ({"category": "\x1f"}, "category"),
        ({"exclude": "ok,\x00"}, "exclude[1]"),
        ({"recent": ",".join(["i01"] * 101)}, "recent"),
        ({"usr_id": "anna"}, "usr_id"),
    ],
)
def test_a_bad_parameter_is_named(client, question, field):
    problem = require_problem(client.get(ASK, params=question), 422, "invalid-request")
    assert field in [fault["field"] for fault in problem["errors"]]
    assert problem["instance"] == ASK


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_type": "kiss"}, "event_type"),
        ({"timestamp": "2026-03-01T12:00:00"}, "timestamp"),
        ({"timestamp": "2090-01-01T00:00:00Z"}, "timestamp"),
        ({"timestamp": "1890-01-01T00:00:00Z"}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": None}, "timestamp"),
        ({"timestamp": 1e300}, "timestamp"),
        ({"colour": "red"}, "colour"),
        ({"user_id": None}, "user_id"),
        ({"item_id": 7}, "item_id"),
        ({"item_id": "\ud800"}, "item_id"),
        ({"event_id": "a\x00"}, "event_id"),
        ({"value": "dear"}, "value"),
    ],
)
def test_a_bad_event_is_named_and_nothing_of_the_call_is_kept(client, rows, change, field):
    one = client.post(f"/v1/{SITE}/events", content=json.dumps(EVENT | change), headers=JSON)
    assert field in [fault["field"] for fault in require_problem(one, 422, "invalid-request")["errors"]]
    many = client.post(f"/v1/{SITE}/events", content=json.dumps([EVENT, EVENT | change]), headers=JSON)
    assert f"[1].{field}" in [fault["field"] for fault in require_problem(many, 422, "invalid-request")["errors"]]
    assert rows("SELECT count(*) FROM recsys.event") == [(0,)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"\xff\xfe", 422),
        (b"[" * 100_000, 400),
        (b'{"value": NaN}', 422),
        (b'{"value": ' + b"9" * 5000 + b"}", 400),
        (b"[" + b",".join([b"{}"] * 1001) + b"]", 422),
        (b" " * (5 << 20), 413),
    ],
)
def test_a_body_that_is_no_event_is_refused(client, body, status):
    response = client.post(f"/v1/{SITE}/events", content=body, headers=JSON)
    assert response.status_code == status, response.text
    assert response.json()["status"] == status


def test_a_body_that_is_not_declared_as_json_is_refused(client):
    response = client.post(f"/v1/{SITE}/events", content=json.dumps(EVENT))
    require_problem(response, 415, "unsupported-media-type")


def test_a_long_body_without_a_length_is_refused(client):
    pieces = (b" " * (1 << 20) for _ in range(6))
    response = client.post(f"/v1/{SITE}/events", content=pieces, headers=JSON)
    require_problem(response, 413, "too-large")


@pytest.mark.parametrize("site", ["nowhere", "Shop", "..%5c..%5cetc", "x" * 500, "%00", "shop%0a"])
def test_an_unknown_site_is_not_found(client, site):
    problem = require_problem(client.get(f"/v1/{site}/recommendations"), 404, "unknown-site")
    assert SITE in problem["detail"]


def test_a_wrong_address_or_method_is_a_problem_too(client):
    require_problem(client.get("/v1/"), 404, "not-found")
    require_problem(client.get("/static/no.such"), 404, "not-found")
    assert require_problem(client.put(ASK), 405, "method-not-allowed")
    require_problem(client.get(f"/v1/{SITE}/items/no-such-item/similar"), 404, "unknown-item")


def test_without_a_live_release_it_says_what_to_do(serve, without_release):
    with serve(without_release) as client:
        for path in ("recommendations", "popular", "session?items=i01", "items/i01/similar", "users"):
            problem = require_problem(client.get(f"/v1/{SITE}/{path}"), 404, "no-live-release")
            assert "recsys releases list --site shop" in problem["detail"]
        assert client.post(f"/v1/{SITE}/events", json=EVENT).status_code == 202


def test_a_site_whose_yaml_has_faults_is_unavailable_and_the_others_answer(client, shop):
    (shop.sites_dir / "broken.yaml").write_text("site: broken\n")
    problem = require_problem(client.get("/v1/broken/recommendations"), 503, "site-misconfigured")
    assert "log" in problem["detail"]
    assert client.get(ASK).status_code == 200


def test_a_site_added_while_running_is_served(client, shop):
    assert client.get("/v1/second/popular").status_code == 404
    text = (shop.sites_dir / f"{SITE}.yaml").read_text()
    (shop.sites_dir / "second.yaml").write_text(text.replace(f"site: {SITE}", "site: second"))
    require_problem(client.get("/v1/second/popular"), 404, "no-live-release")


def test_no_database_is_unavailable_for_a_moment(serve, shop, settings):
    away = shop.model_copy(update={"recsys_postgres_port": settings.recsys_postgres_port})
    with serve(away) as client:
        response = client.get(ASK)
        require_problem(response, 503, "store-unavailable")
        assert response.headers["retry-after"]
        require_problem(client.get(f"/v1/{SITE}/releases"), 503, "store-unavailable")


ANY_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=300)


@times(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=ANY_TEXT, number=st.integers() | ANY_TEXT)
def test_no_input_is_our_failure(shared, module_shop, text, number):
    """Any text as user, item, category, site, list, id in a path and in an event; any k."""
    quoted = "".join(f"%{byte:02X}" for byte in text.encode())
    answers = [
        shared.get(ASK, params={"user_id": text, "category": text, "exclude": text, "recent": text, "k": number}),
        shared.post(ASK, json={"user_id": text, "k": number, "exclude": [text], "recent": [text]}),
        shared.get(f"/v1/{SITE}/items/{quoted}/similar"),
        shared.get(f"/v1/{SITE}/users/{quoted}/events"),
        shared.delete(f"/v1/{SITE}/users/{quoted}"),
        shared.get(f"/v1/{SITE}/items", params={"ids": text}),
        shared.post(f"/v1/{SITE}/releases/{quoted}/activate"),
        shared.get(f"/v1/{quoted}/popular"),
        shared.post(f"/v1/{SITE}/events", json=EVENT | {"user_id": text, "event_id": text, "session_id": text}),
        shared.post(f"/v1/{SITE}/events", json={text: text}),
    ]
    assert [(r.status_code, r.request.url) for r in answers if r.status_code >= 500] == []
