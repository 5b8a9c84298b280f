"""Who may do what, exhaustively: two sites, every kind of key, every route with every method."""

from datetime import UTC, datetime, timedelta

import pytest
import yaml
from pydantic import SecretStr

from recsys.local.servers.postgres import create_database
from recsys.serving.api_keys import SCOPES, create_key, revoke_key
from recsys.serving.migrate import migrate
from recsys.testing.small_release import SITE
from tests.web_service.conftest import SHOP, publish_release, running
from web_service.app import create_app

OTHER, MISSING = "other_shop", "no_such_shop"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
IDS = {"item_id": "i01", "user_id": "anna", "release_id": "first", "experiment_id": "e1"}

OPEN = {"/", "/docs", "/recsys.js", "/health/live", "/health/ready", "/metrics", "/openapi.json"}
"""For everybody."""
NEEDS = {
    ("GET", "/v1/sites"): "read",
    ("GET", "/v1/{site}/recommendations"): "read",
    ("POST", "/v1/{site}/recommendations"): "read",
    ("POST", "/v1/{site}/recommendations/batch"): "read",
    ("GET", "/v1/{site}/session"): "read",
    ("GET", "/v1/{site}/items"): "read",
    ("GET", "/v1/{site}/items/{item_id:path}/similar"): "read",
    ("GET", "/v1/{site}/popular"): "read",
    ("GET", "/v1/{site}/intent"): "read",
    ("POST", "/v1/{site}/ctr"): "read",
    ("POST", "/v1/{site}/events"): "write",
    ("GET", "/v1/{site}/users"): "read",
    ("GET", "/v1/{site}/users/{user_id:path}/events"): "read",
    ("DELETE", "/v1/{site}/users/{user_id:path}"): "admin",
    ("GET", "/v1/{site}/releases"): "read",
    ("GET", "/v1/{site}/releases/audit"): "admin",
    ("GET", "/v1/{site}/releases/{release_id}"): "admin",
    ("GET", "/v1/{site}/releases/{release_id}/diff"): "admin",
    ("POST", "/v1/{site}/releases/rollback"): "admin",
    ("POST", "/v1/{site}/releases/{release_id}/activate"): "admin",
    ("POST", "/v1/{site}/releases/{release_id}/canary"): "admin",
    ("POST", "/v1/{site}/releases/{release_id}/retire"): "admin",
    ("GET", "/v1/{site}/experiments"): "read",
    ("POST", "/v1/{site}/experiments"): "admin",
    ("GET", "/v1/{site}/experiments/{experiment_id}"): "admin",
    ("POST", "/v1/{site}/experiments/{experiment_id}/promote"): "admin",
    ("POST", "/v1/{site}/experiments/{experiment_id}/abort"): "admin",
}
"""Which scope each route asks for. A route that is not here fails the test: say what it needs."""


@pytest.fixture(scope="module")
def settings(postgres, tmp_path_factory):
    """Two sites in a database of their own, keys asked for."""
    create_database(postgres, "access")
    home = tmp_path_factory.mktemp("access")
    operator = {f"recsys_{scope}_key": SecretStr(f"operator-{scope}") for scope in SCOPES}
    places = {"recsys_postgres_database": "access", "recsys_sites_dir": home, "recsys_home": home}
    found = postgres.model_copy(update={**places, **operator, "recsys_snapshot_users": 0, "recsys_require_keys": True})
    migrate(found.postgres_dsn())
    for site in (SITE, OTHER):
        (home / f"{site}.yaml").write_text(yaml.safe_dump(SHOP | {"site": site}))
    return found


@pytest.fixture(scope="module")
def keys(settings):
    """Each kind of key: the key, whose it is (None: all sites), and the scopes that it opens."""
    now = datetime.now(UTC)

    def make(site, scope, **more):
        return create_key(settings.postgres_dsn(), site=site, scopes=[scope], at=now, by="the test", **more)

    made = {}
    for scope in SCOPES:
        opens = set(SCOPES) if scope == "admin" else {scope}
        for name, site in ((SITE, SITE), (OTHER, OTHER), ("all sites", None)):
            made[f"{scope} of {name}"] = (make(site, scope).key, site, opens)
        made[f"the operator's {scope}"] = (f"operator-{scope}", None, opens)
    ended = make(SITE, "admin")
    revoke_key(settings.postgres_dsn(), ended.about.key_id, site=SITE, at=now, by="the test")
    past = {"at": now - timedelta(days=2), "expires_at": now - timedelta(days=1)}
    expired = create_key(settings.postgres_dsn(), site=SITE, scopes=["admin"], by="the test", **past)
    made |= {"revoked": (ended.key, None, set()), "expired": (expired.key, None, set())}
    return made | {"wrong": ("recsys_0123_wrong", None, set()), "none": (None, None, set())}


@pytest.fixture(scope="module")
def client(settings, keys, release_files):
    publish_release(settings, "first", *release_files["first"])
    with running(settings) as client:
        yield client


ALLOWED, NO_KEY, NOT_THIS = "allowed", 401, 403


def expected(key, scope, site):
    """What becomes of a request with this key for this scope on this site (None: of no one site)."""
    _, whose, opens = key
    if not opens:
        return NO_KEY
    return ALLOWED if scope in opens and (site is None or whose in (None, site)) else NOT_THIS


def ask(client, key, method, path, **more):
    headers = {} if key[0] is None else {"Authorization": f"Bearer {key[0]}"}
    return client.request(method, path, headers=headers, **more)


def found(reply):
    assert reply.status_code < 500, reply.text
    return reply.status_code if reply.status_code in (NO_KEY, NOT_THIS) else ALLOWED


def address(path, site):
    return path.replace(":path", "").format(site=site, **IDS)


def test_every_route_is_open_or_says_what_it_needs(settings):
    routes = [route for route in create_app(settings).routes if not route.path.startswith("/static")]
    assert {route.path for route in routes} - {path for _, path in NEEDS} == OPEN
    assert {(method, r.path) for r in routes for method in r.methods if r.path not in OPEN} == NEEDS.keys()


@pytest.mark.parametrize("site", [SITE, OTHER, MISSING])
@pytest.mark.parametrize(("method", "path"), NEEDS)
def test_each_key_opens_its_scopes_of_its_sites_and_nothing_else(client, keys, method, path, site):
    asked = None if "{site}" not in path else site
    answers = {name: found(ask(client, key, method, address(path, site))) for name, key in keys.items()}
    assert answers == {name: expected(key, NEEDS[method, path], asked) for name, key in keys.items()}


def test_another_method_opens_nothing(client, keys):
    strangers = [keys[name] for name in ("none", "wrong", f"admin of {OTHER}")]
    for path in sorted({path for _, path in NEEDS}):
        for method in METHODS:
            codes = {ask(client, key, method, address(path, SITE)).status_code for key in strangers}
            assert codes <= {401, 403, 405} or (method, path) == ("GET", "/v1/sites"), (method, path, codes)


@pytest.mark.parametrize(("method", "path"), [route for route in NEEDS if "{site}" in route[1]])
def test_whether_another_site_exists_is_not_told(client, keys, method, path):
    for scope in SCOPES:
        key = keys[f"{scope} of {SITE}"]
        there, missing = (ask(client, key, method, address(path, site)).json() for site in (OTHER, MISSING))
        for told in (there, missing):
            del told["request_id"], told["instance"]
        assert there == missing
        assert OTHER not in str(there)


def test_a_key_of_one_site_is_told_of_that_site_alone(client, keys):
    def sites(name):
        return {site["site"] for site in ask(client, keys[name], "GET", "/v1/sites").json()}

    assert sites(f"read of {SITE}") == sites(f"admin of {SITE}") == {SITE}
    assert sites("read of all sites") == sites("the operator's read") == {SITE, OTHER}
    ready = {name: ask(client, keys[name], "GET", "/health/ready").json()["live_releases"] for name in keys}
    assert {name for name, live in ready.items() if live} == {
        name for name, (_, whose, opens) in keys.items() if whose is None and "read" in opens
    }


def test_without_a_valid_key_nothing_of_a_body_is_looked_at(client, keys):
    for method, path in NEEDS:
        for name in ("none", "wrong", f"admin of {OTHER}"):
            if method == "POST":
                reply = ask(client, keys[name], method, address(path, SITE), content=b"{")
                assert reply.status_code in (NO_KEY, NOT_THIS), (path, name)
