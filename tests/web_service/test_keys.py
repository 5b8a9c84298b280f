import pytest
from pydantic import SecretStr

from recsys.errors import ConfigError
from recsys.testing.small_release import SITE
from web_service.app import create_app

EVENT = {"user_id": "anna", "item_id": "i01", "event_type": "view"}
KEYS = {"read": "r-key", "write": "w-key", "admin": "a-key"}


@pytest.fixture
def guarded(shop, serve):
    keys = {f"recsys_{scope}_key": SecretStr(key) for scope, key in KEYS.items()}
    with serve(shop.model_copy(update={"recsys_require_keys": True, **keys})) as client:
        yield client


CALLS = {
    "read": ("GET", f"/v1/{SITE}/recommendations", None),
    "write": ("POST", f"/v1/{SITE}/events", EVENT),
    "admin": ("DELETE", f"/v1/{SITE}/users/anna", None),
}


@pytest.mark.parametrize("needed", CALLS)
def test_each_key_opens_its_scope_and_the_admin_key_opens_all(guarded, needed):
    method, path, body = CALLS[needed]
    for scope, key in KEYS.items():
        reply = guarded.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
        assert reply.is_success == (scope in (needed, "admin")), (scope, reply.text)
        assert reply.is_success or reply.status_code == 403


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", "Basic r-key", "r-key", "Bearer é"])
def test_without_a_known_key_nothing_opens(guarded, header):
    for method, path, body in CALLS.values():
        headers = {} if header is None else {"Authorization": header.encode("latin-1")}
        reply = guarded.request(method, path, json=body, headers=headers)
        assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")


def test_health_metrics_and_the_page_are_open(guarded):
    for path in ("/health/live", "/health/ready", "/metrics", "/", "/docs"):
        assert guarded.get(path).status_code == 200


def test_who_listens_beyond_loopback_needs_keys(shop):
    for names in ({}, {"recsys_read_key": SecretStr("x"), "recsys_write_key": SecretStr("")}):
        empty = {f"recsys_{scope}_key": SecretStr("") for scope in KEYS}
        settings = shop.model_copy(update={"recsys_bind_host": "0.0.0.0"} | empty | names)
        with pytest.raises(ConfigError, match="RECSYS_WRITE_KEY"):
            create_app(settings)


def test_without_keys_a_page_of_another_origin_changes_nothing(client, rows):
    reply = client.post(f"/v1/{SITE}/events", json=EVENT, headers={"Origin": "https://elsewhere.example"})
    assert reply.status_code == 403
    assert rows("SELECT count(*) FROM recsys.event") == [(0,)]
    own = client.post(f"/v1/{SITE}/events", json=EVENT, headers={"Origin": str(client.base_url).rstrip("/")})
    assert own.status_code == 202
