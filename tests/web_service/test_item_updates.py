"""What a site tells of its items: durable like every event, and heeded by the next answer."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from recsys.serving.item_updates import read_item_updates
from recsys.testing.small_release import NOON, SITE
from tests.web_service.conftest import until

EVENTS = f"/v1/{SITE}/events"
ASK = f"/v1/{SITE}/recommendations"
GONE = {"kind": "item_update", "event_id": "u1", "item_id": "i01", "available": False}
BACK = GONE | {"event_id": "u2", "available": True}
VIEW = {"event_id": "e1", "user_id": "anna", "item_id": "i01", "event_type": "view"}
JSON = {"content-type": "application/json"}


def shown(client, **question):
    reply = client.get(ASK, params={"k": 12} | question)
    return [item["item_id"] for item in reply.json()["items"]]


def test_both_kinds_in_one_call_are_counted_together(client, rows):
    reply = client.post(EVENTS, json=[VIEW, GONE, GONE, BACK, VIEW])
    assert (reply.status_code, reply.json()) == (
        202,
        {"accepted": 3, "duplicates": 2, "event_ids": ["e1", "u1", "u1", "u2", "e1"]},
    )
    assert rows("SELECT count(*) FROM recsys.event") == [(1,)]
    assert rows("SELECT event_id FROM recsys.item_update ORDER BY 1") == [("u1",), ("u2",)]


def test_what_is_absent_is_made_here(client, shop):
    before = datetime.now(UTC)
    reply = client.post(EVENTS, json={"kind": "item_update", "item_id": "new", "title": "Brand new"}).json()
    assert reply["accepted"] == len(set(reply["event_ids"])) == 1
    [row] = read_item_updates(shop.postgres_dsn(), SITE, before, datetime.now(UTC))
    assert row[0] == "new"
    assert row[2:] == ("Brand new", *[None] * 8)


@pytest.mark.parametrize("question", [{"user_id": "anna"}, {}, {"mode": "online", "recent": "i02"}])
def test_an_item_taken_off_sale_is_gone_from_the_next_answer_and_comes_back(client, question):
    assert "i01" in shown(client, **question)
    client.post(EVENTS, json=GONE)
    assert "i01" not in shown(client, **question)
    assert len(shown(client, **question)) == 10
    client.post(EVENTS, json=BACK)
    assert "i01" in shown(client, **question)


def test_it_is_gone_from_the_other_lists_too(client):
    client.post(EVENTS, json=GONE | {"item_id": "i02"})
    assert "i02" not in shown(client, category="books")
    for path in ("popular?k=12", "items/i01/similar?k=12"):
        items = client.get(f"/v1/{SITE}/{path}").json()["items"]
        assert items
        assert "i02" not in [item["item_id"] for item in items]


def test_a_release_that_knows_of_it_knows_better(client, rows):
    client.post(EVENTS, json=GONE | {"timestamp": (NOON - timedelta(hours=1)).isoformat()})
    assert "i01" not in shown(client), "the release was made before we were told"
    rows("UPDATE recsys.release SET created_at = now() + interval '1 hour' RETURNING 1")
    until(lambda: "i01" in shown(client))
    client.post(EVENTS, json=GONE | {"event_id": "u3", "timestamp": NOON.isoformat()})
    assert "i01" not in shown(client), "the release ends where this began"


def test_another_property_hides_nothing(client):
    client.post(EVENTS, json={"kind": "item_update", "item_id": "i01", "price": 1.0})
    assert "i01" in shown(client)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "impression"}, "kind"),
        ({"available": None}, "body"),
        ({"available": "no"}, "available"),
        ({"price": -1}, "price"),
        ({"title": "a\u0000b"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"image": "javascript:alert(1)"}, "image"),
        ({"language": "english, mostly"}, "language"),
        ({"published_at": "2026-01-01"}, "published_at"),
        ({"timestamp": "2090-01-01T00:00:00Z"}, "timestamp"),
        ({"attributes": []}, "attributes"),
        ({"attributes": {"a": "x" * 20_000}}, "attributes"),
        ({"attributes": {"a": "\ud800"}}, "attributes"),
        ({"attributes": {"": 1}}, "attributes"),
        ({"attributes": json.loads("[" * 500 + "]" * 500)}, "attributes"),
        ({"user_id": "anna"}, "user_id"),
        ({"item_id": ""}, "item_id"),
    ],
)
def test_a_bad_update_is_named_and_nothing_of_the_call_is_kept(client, rows, change, field):
    response = client.post(EVENTS, content=json.dumps([VIEW, GONE | change]), headers=JSON)
    assert response.status_code == 422, response.text
    faults = response.json()["errors"]
    wanted = "[1]" if field == "body" else f"[1].{field}"
    assert any(fault["field"].startswith(wanted) for fault in faults), faults
    assert rows("SELECT (SELECT count(*) FROM recsys.event) + (SELECT count(*) FROM recsys.item_update)") == [(0,)]


def test_the_description_names_both_kinds(client):
    described = client.get("/openapi.json").json()
    schemas = described["components"]["schemas"]
    assert {"PostedInteraction", "PostedUpdate"} <= set(schemas)
    assert "available" in schemas["PostedUpdate"]["properties"]
    examples = described["paths"]["/v1/{site}/events"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert any("item_update" in json.dumps(example) for example in examples.values())
    assert all(client.post(EVENTS, json=example["value"]).status_code == 202 for example in examples.values())
