"""What the service writes down of a request, and what it never does."""

import json
import logging

import asyncpg
import pytest
from pydantic import SecretStr

from recsys.serving.api_keys import create_key
from recsys.serving.postgres import transaction
from recsys.testing.small_release import NOON, SITE
from tests.web_service.conftest import until
from tests.web_service.test_standing import own  # noqa: F401 - a fixture
from tests.web_service.test_taking import process
from web_service.journal import AsText

ASK = f"/v1/{SITE}/recommendations"
SECRETS = {f"recsys_{scope}_key": SecretStr(f"secret-{scope}-zq") for scope in ("read", "write", "admin")}
NAMES = ("zaphod", "towel42", "session-zq", "query-zq")
"""A user, an item, a session and a word of a query, each found nowhere else."""


@pytest.fixture
def told(own, tmp_path):  # noqa: F811
    """What a service that logs JSON said, by logger, while all sorts of things were asked of it."""
    settings = own.model_copy(update={**SECRETS, "recsys_require_keys": True, "recsys_log_format": "json"})
    with transaction(own.postgres_dsn()) as cursor:
        cursor.execute("ALTER TABLE recsys.event ADD CHECK (session_id IS DISTINCT FROM 'session-zq')")
        cursor.execute("ALTER TABLE recsys.impression ADD CHECK (user_id IS DISTINCT FROM 'zaphod')")
    made = create_key(own.postgres_dsn(), site=SITE, scopes=["admin"], at=NOON, by="the test")
    mine = {"Authorization": f"Bearer {made.key}"}
    event = {"user_id": "zaphod", "item_id": "towel42", "event_type": "view"}
    log = tmp_path / "log"
    with log.open("w") as file, process(settings, stderr=file) as (client, _):
        answer = client.get(ASK, params={"user_id": "zaphod", "k": 2}, headers=mine)
        until(lambda: "were not written" in log.read_text())  # before zaphod is forgotten, for whom nothing is written
        for path in ("users/zaphod/events?x=query-zq", "items/towel42/similar", "users/zaphod/events?limit=query-zq"):
            client.get(f"/v1/{SITE}/{path}", headers=mine)
        client.post(f"/v1/{SITE}/events", json=event, headers=mine)
        broken = client.post(f"/v1/{SITE}/events", json=event | {"session_id": "session-zq"}, headers=mine)
        client.delete(f"/v1/{SITE}/users/zaphod", headers=mine)
        client.get("/v1/zaphod/popular?query-zq", headers=mine)
        client.get(ASK, headers={"Authorization": "Bearer secret-wrong-zq"})
        client.get(ASK, headers={"Authorization": "Bearer secret-read-zq"})
        client.get("/zaphod/towel42")
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    own_password = own.recsys_postgres_password.get_secret_value()
    assert own_password not in text
    return text, lines, made, answer, broken


def test_each_request_has_one_line_and_none_tells_who_or_what(told):
    text, lines, made, answer, broken = told
    requests = [line for line in lines if line["logger"] == "web_service.requests"]
    requests = [line for line in requests if line["route"] != "/health/live" and line["status"] != 503]
    assert [line["status"] for line in requests] == [200, 422, 404, 422, 202, 500, 200, 403, 401, 200, 404]
    first = requests[0]
    assert (first["method"], first["route"]) == ("GET", "/v1/{site}/recommendations")
    assert (first["site"], first["key"]) == (SITE, made.about.key_id)
    assert first["request_id"] == answer.headers["x-request-id"]
    assert 0 < first["ms"] < 30_000
    assert requests[9]["key"] == "operator-read"
    assert requests[-1]["route"] is None

    assert broken.status_code == 500
    errors = [line for line in lines if line["level"] == "error"]
    assert [(line["message"], line["request_id"]) for line in errors] == [
        ("unexpected", broken.headers["x-request-id"])
    ]
    assert errors[0]["error"]["type"] == "CheckViolationError"
    assert any("web_service/" in place for place in errors[0]["error"]["at"])
    assert any("impressions were not written: CheckViolationError 23514" in line.get("message", "") for line in lines)

    keys = [made.key.split("_", 2)[2], *(secret.get_secret_value() for secret in SECRETS.values()), "secret-wrong-zq"]
    assert [word for word in (*NAMES, *keys) if word in text] == []


def test_a_line_for_a_person_has_the_request_and_no_rows_either():
    fault = asyncpg.PostgresError.new({"C": "23505", "M": "duplicate key", "D": "Key (user_id)=(zaphod) exists."})
    value = asyncpg.PostgresError.new({"C": "22P02", "M": 'invalid input syntax: "zaphod"'})
    record = logging.makeLogRecord({"name": "x", "levelname": "ERROR", "msg": "lost: %s, %s", "args": (fault, value)})
    line = AsText().format(record)
    assert "lost: 23505: duplicate key, 22P02" in line
    assert "zaphod" not in line
