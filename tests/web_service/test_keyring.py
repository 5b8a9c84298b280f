"""Keys of sites: known within a second, ended within a second, and also while Postgres is away."""

import json
import os
import stat
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from recsys.serving.api_keys import create_key, list_keys, revoke_key, rotate_key
from recsys.testing.small_release import SITE
from tests.web_service.conftest import running, until
from tests.web_service.test_standing import away, own, snapshot_answers  # noqa: F401 - a fixture
from web_service import auth, keyring
from web_service.app import create_app

ASK = f"/v1/{SITE}/recommendations"
OPERATOR = {f"recsys_{scope}_key": SecretStr(f"{scope}-key") for scope in ("read", "write", "admin")}


@pytest.fixture
def guarded(own):  # noqa: F811
    """Settings of a shop of its own that asks for keys."""
    return own.model_copy(update={"recsys_require_keys": True, **OPERATOR})


def make(settings, site=SITE, **more):
    given = {"scopes": ["read"], "by": "user anna", "at": datetime.now(UTC)} | more
    return create_key(settings.postgres_dsn(), site=site, **given)


def status(client, key):
    return client.get(ASK, params={"k": 1}, headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_key_is_known_and_revoked_within_a_moment(guarded):
    with running(guarded) as client:
        made = make(guarded)
        until(lambda: status(client, made.key) == 200)
        revoke_key(guarded.postgres_dsn(), made.about.key_id, site=SITE, at=datetime.now(UTC), by="user anna")
        until(lambda: status(client, made.key) == 401)


def test_a_key_expires_by_itself_and_a_rotated_one_after_its_overlap(guarded, monkeypatch):
    made, hour = make(guarded), timedelta(hours=1)
    with running(guarded) as client:
        brief = make(guarded, expires_at=datetime.now(UTC) + hour).key
        rotated = {"site": SITE, "at": datetime.now(UTC), "by": "user anna", "overlap": hour}
        new = rotate_key(guarded.postgres_dsn(), made.about.key_id, **rotated).key
        for key in (brief, new, made.key):
            until(lambda key=key: status(client, key) == 200)
        until(lambda: len(kept_ends(guarded)) == 2)
        later = SimpleNamespace(time=lambda: time.time() + hour.total_seconds())
        monkeypatch.setattr(auth, "time", later)
        assert [status(client, key) for key in (brief, made.key, new)] == [401, 401, 200]


def kept_ends(settings):
    """When each key that ends does, as far as this host knows."""
    return [each["ends"] for each in json.loads((settings.recsys_home / "keys.json").read_text()) if each["ends"]]


def test_when_a_key_was_used_is_noted_afterwards(guarded, monkeypatch):
    made, unused = make(guarded), make(guarded)
    monkeypatch.setattr(keyring, "TELL_AGAIN", 0.1)
    with running(guarded) as client:
        status(client, made.key)
        until(lambda: used(guarded)[made.about.key_id] is not None)
        first = used(guarded)[made.about.key_id]
        monkeypatch.setattr(keyring, "TELL_AGAIN", 60.0)
        status(client, made.key)
    assert used(guarded)[made.about.key_id] > first  # told at the end
    assert used(guarded)[unused.about.key_id] is None


def used(settings):
    return {key.key_id: key.last_used_at for key in list_keys(settings.postgres_dsn(), SITE)}


def test_without_postgres_keys_are_those_known_last_also_after_a_restart(guarded):
    made, gone = make(guarded), make(guarded)
    revoke_key(guarded.postgres_dsn(), gone.about.key_id, site=SITE, at=datetime.now(UTC), by="user anna")
    app = create_app(guarded)
    with running(guarded, app) as client:
        until(snapshot_answers(app))
        assert status(client, made.key) == 200
        with away(guarded):
            assert status(client, made.key) == 200
            with running(guarded) as late:
                assert status(late, made.key) == 200
                assert status(late, gone.key) == 401
                assert status(late, "read-key") == 200
    kept = guarded.recsys_home / "keys.json"
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o600
    assert made.key.split("_", 2)[2] not in kept.read_text()


@pytest.mark.parametrize("file", [None, "{"])
def test_a_host_that_never_knew_the_keys_says_so_and_opens_nothing(guarded, file):
    made = make(guarded)
    guarded.recsys_home.mkdir(exist_ok=True)
    if file is not None:
        (guarded.recsys_home / "keys.json").write_text(file)
    with away(guarded), running(guarded) as client:
        assert status(client, made.key) == 503
        assert client.get(ASK).status_code == 401
