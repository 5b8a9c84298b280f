"""The session endpoint gives what the live session model says, best first, and never less than it gave without one."""

import time
from statistics import median

import numpy as np
import pytest
import scipy.sparse as sp
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.local.servers.postgres import create_database
from recsys.serving import publishing
from recsys.serving.continuing.followers import Followers
from recsys.serving.continuing.model import NextItems
from recsys.serving.continuing.rows import Rows
from recsys.serving.impressions import read_impression
from recsys.serving.migrate import migrate
from recsys.serving.postgres import transaction
from recsys.serving.snapshot.release import SnapshotRelease
from recsys.testing.small_release import CATALOGUE, NOON, SITE, UNAVAILABLE, write_small_release
from tests.web_service.conftest import SHOP, as_web, publish_release, running, until
from tests.web_service.faulty import Line
from web_service.app import create_app

KNOWN = CATALOGUE[:10]
"""The model knows no i11 nor i12; i13 is known to nobody."""


def planted(decay=0.5, seed=1):
    """A model that goes from each item to six others, by known probabilities."""
    rng = np.random.default_rng(seed)
    chances = rng.random((10, 10)) * (rng.random((10, 10)) < 0.6)
    np.fill_diagonal(chances, 0.0)
    return NextItems(KNOWN, Followers(Rows.of_sparse(sp.csr_matrix(chances.astype(np.float32))), position_decay=decay))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    found = {}
    for name, seed in (("session-1", 1), ("session-2", 2)):
        found[name] = tmp_path_factory.mktemp(name)
        planted(seed=seed).save(found[name])
    return found


@pytest.fixture(scope="module")
def shop(postgres, tmp_path_factory):
    """Settings of a shop with a live release, and no model of sessions yet."""
    home = tmp_path_factory.mktemp("sessions")
    create_database(postgres, "web_sessions")
    (home / f"{SITE}.yaml").write_text(yaml.safe_dump(SHOP))
    chosen = {"recsys_postgres_database": "web_sessions", "recsys_sites_dir": home, "recsys_home": home}
    settings = postgres.model_copy(update={**chosen, "recsys_snapshot_users": 0})
    migrate(settings.postgres_dsn())
    publish_release(settings, "any", home, write_small_release(home))
    return settings


@pytest.fixture(scope="module")
def clients(shop):
    """Two services: one that reads tables, one that reads a snapshot."""
    app = create_app(as_web(shop).model_copy(update={"recsys_snapshot_users": 100}))
    with running(shop, create_app(as_web(shop))) as from_tables, running(shop, app) as from_snapshot:
        standing = app.state.services.standing
        until(lambda: isinstance(standing.reader(SITE), SnapshotRelease))
        yield from_tables, from_snapshot


@pytest.fixture
def live(shop, folders, clients):
    """Makes a model the live one, and waits until both services have it."""

    def live(release_id):
        dsn = shop.postgres_dsn()
        publishing.record_release(dsn, SITE, release_id, as_of=NOON, at=NOON, state="gated", surface="session")
        publishing.publish_model(dsn, SITE, release_id, folders[release_id])
        publishing.activate(dsn, SITE, release_id, NOON)
        model = NextItems.load(folders[release_id])
        for client in clients:
            until(lambda client=client: ask(client, "i01").get("model_version") == model.version)
        return model

    yield live
    with transaction(shop.postgres_dsn()) as cursor:
        cursor.execute("DELETE FROM recsys.live_release WHERE surface = 'session'")


def ask(client, *items, **wish):
    reply = client.get(f"/v1/{SITE}/session", params={"items": list(items), **wish})
    assert reply.status_code == 200, reply.text
    return reply.json()


def said(answer):
    """What the model said: item, score and reasons, in order."""
    return [
        (item["item_id"], item["score"], item["because"])
        for item in answer["items"]
        if item["source"] == "session_followers"
    ]


def expected(model, *items, k, repeats=False, may_be_shown=lambda item: item != UNAVAILABLE):
    found = model.continue_session(items, k=k, may_be_shown=may_be_shown, repeats=repeats)
    return [(each.item_id, round(each.score, 6), list(each.because)) for each in found]


def test_without_a_model_it_is_what_is_similar(clients):
    for client in clients:
        answer = ask(client, "i02", "i01", k=4)
        assert [item["item_id"] for item in answer["items"]][:2] == ["i08", "i07"]
        assert "model_version" not in answer


def test_the_most_likely_next_item_is_first_and_so_on(clients, live):
    model = live("session-1")
    for client in clients:
        for item in KNOWN:
            answer = ask(client, item, k=12)
            likely = model.scorer.follows.values_at(KNOWN.index(item), np.arange(10))
            order = [KNOWN[n] for n in np.argsort(-likely) if likely[n] > 0]
            assert [item_id for item_id, *_ in said(answer)] == order
            assert all(because == [item] for _, _, because in said(answer))


def test_similar_popular_and_the_catalogue_fill_what_the_model_leaves(clients, live):
    live("session-1")
    for client in clients:
        items = ask(client, "i01", k=500)["items"]
        kinds = [item["source"] for item in items]
        assert sorted({item["item_id"] for item in items}) == [item for item in CATALOGUE[1:] if item != UNAVAILABLE]
        assert kinds == sorted(kinds, key=["session_followers", "similar", "popular", "catalogue"].index)
        assert [item["position"] for item in items] == list(range(1, 11))


def test_unknown_items_are_skipped(clients, live):
    live("session-1")
    for client in clients:
        told = said(ask(client, "i02", "i01", k=5))
        assert told == said(ask(client, "i02", "never seen", "i01", "i11", "i13", k=5)) != []
        only_unknown = ask(client, "never seen", k=5)
        assert said(only_unknown) == []
        assert len(only_unknown["items"]) == 5


@given(
    items=st.lists(st.sampled_from([*CATALOGUE, "i13"]), min_size=1, max_size=6),
    k=st.integers(1, 14),
    offset=st.sampled_from([0, 0, 1, 3, 20]),
    wish=st.fixed_dictionaries(
        {},
        optional={
            "category": st.sampled_from(["books", "toys", "none such"]),
            "min_price": st.integers(1, 6),
            "max_price": st.integers(6, 12),
            "only": st.lists(st.sampled_from(CATALOGUE), min_size=1, max_size=8),
            "exclude": st.lists(st.sampled_from(CATALOGUE), min_size=1, max_size=4),
        },
    ),
)
@settings(max_examples=60)
def test_whatever_is_asked(readers, items, k, offset, wish):
    clients, model = readers
    found, mapped = (ask(client, *items, k=k, offset=offset, **wish) for client in clients)
    assert {**found, "request_id": ""} == {**mapped, "request_id": ""}
    number = {item: int(item[1:]) for item in CATALOGUE}
    eligible = [
        item
        for item in CATALOGUE
        if item not in (*items, UNAVAILABLE, *wish.get("exclude", []))
        and wish.get("category") in (None, "books" if number[item] % 2 == 0 else "toys")
        and wish.get("min_price", 0) <= number[item] <= wish.get("max_price", 12)
        and item in wish.get("only", CATALOGUE)
    ]
    ids = [item["item_id"] for item in found["items"]]
    assert len(set(ids)) == len(ids) == max(0, min(k, len(eligible) - offset))
    assert set(ids) <= set(eligible)
    assert [item["position"] for item in found["items"]] == list(range(offset + 1, offset + 1 + len(ids)))
    assert all(set(item["because"]) <= set(items) for item in found["items"])
    whole = expected(model, *items, k=offset + k, may_be_shown=eligible.__contains__)
    assert said(found) == whole[offset:]


@pytest.fixture(scope="module")
def readers(shop, folders, clients):
    """The services, with a model that stays."""
    publishing.record_release(
        shop.postgres_dsn(), SITE, "session-3", as_of=NOON, at=NOON, state="gated", surface="session"
    )
    publishing.publish_model(shop.postgres_dsn(), SITE, "session-3", folders["session-1"])
    publishing.activate(shop.postgres_dsn(), SITE, "session-3", NOON)
    model = NextItems.load(folders["session-1"])
    for client in clients:
        until(lambda client=client: ask(client, "i01").get("model_version") == model.version)
    return clients, model


def test_own_items_come_again_only_where_the_site_allows_it(clients, live, shop):
    model = live("session-1")
    file = shop.sites_dir / f"{SITE}.yaml"
    allowed = {**SHOP, "serving": {"session_repeats": True}}
    without = expected(model, "i02", "i01", k=9)
    again = expected(model, "i02", "i01", k=9, repeats=True)
    assert without != again
    for client in clients:
        assert said(ask(client, "i02", "i01", k=9)) == without
    file.write_text(yaml.safe_dump(allowed))
    for client in clients:
        until(lambda client=client: said(ask(client, "i02", "i01", k=9)) == again)
    file.write_text(yaml.safe_dump(SHOP))
    for client in clients:
        until(lambda client=client: said(ask(client, "i02", "i01", k=9)) == without)


def test_the_model_follows_the_pointer_and_the_release_is_that_of_recommendations(clients, live, shop):
    live("session-1")
    second = live("session-2")
    for client in clients:
        answer = ask(client, "i01", k=3)
        assert said(answer) == expected(second, "i01", k=3)
        assert (answer["release_id"], answer["arm"], answer["user_id"]) == ("any", "live", None)
    publishing.rollback(shop.postgres_dsn(), SITE, NOON, surface="session")
    first = planted(seed=1)
    for client in clients:
        until(lambda client=client: said(ask(client, "i01", k=3)) == expected(first, "i01", k=3))


def test_a_model_that_cannot_be_read_leaves_what_is_similar(clients, shop, folders, tmp_path):
    (tmp_path / "next_items.json").write_text('{"kind": "of tomorrow", "told": {}, "arrays": []}')
    (tmp_path / "items.json").write_text("[]")
    dsn = shop.postgres_dsn()
    with transaction(dsn) as cursor:
        cursor.execute("DELETE FROM recsys.live_release WHERE surface = 'session'")
    publishing.record_release(dsn, SITE, "strange", as_of=NOON, at=NOON, state="gated", surface="session")
    publishing.publish_model(dsn, SITE, "strange", tmp_path)
    publishing.activate(dsn, SITE, "strange", NOON)
    with running(shop, create_app(as_web(shop))) as client:
        for _ in range(3):
            answer = ask(client, "i02", "i01", k=4)
            assert [item["item_id"] for item in answer["items"]][:2] == ["i08", "i07"]
            assert "model_version" not in answer


def test_a_session_goes_on_while_postgres_is_silent(shop, live):
    model = live("session-1")
    with Line(shop).open() as line:
        app = create_app(line.through(as_web(shop)).model_copy(update={"recsys_snapshot_users": 100}))
        with running(shop, app) as client:
            until(lambda: isinstance(app.state.services.standing.reader(SITE), SnapshotRelease))
            until(lambda: said(ask(client, "i01", k=3)) == expected(model, "i01", k=3))
            line.silent = True
            seconds = []
            for _ in range(10):
                started = time.monotonic()
                assert said(ask(client, "i01", k=3)) == expected(model, "i01", k=3)
                seconds.append(time.monotonic() - started)
                time.sleep(0.1)
            line.silent = False
            assert median(seconds) < 1


def test_what_was_shown_says_which_model_it_was(clients, live, shop):
    model = live("session-1")
    asked = ask(clients[0], "i01", k=3)["request_id"]
    until(lambda: read_impression(shop.postgres_dsn(), SITE, asked) is not None)
    shown = read_impression(shop.postgres_dsn(), SITE, asked)
    assert (shown.model_version, shown.release_id) == (model.version, "any")
    assert shown.sources == ("session_followers",) * 3
    plain = clients[0].get(f"/v1/{SITE}/recommendations", params={"k": 3}).json()["request_id"]
    until(lambda: read_impression(shop.postgres_dsn(), SITE, plain) is not None)
    assert read_impression(shop.postgres_dsn(), SITE, plain).model_version is None


def test_sessions_are_counted_by_the_source_of_their_first_item(clients, live):
    live("session-1")
    client = clients[0]

    def counted(name):
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    by_model = f'recsys_session_answers_total{{site="{SITE}",source="session_followers"}}'
    timed = f'recsys_session_seconds_count{{site="{SITE}"}}'
    before = counted(by_model), counted(timed)
    ask(client, "i01", k=3)
    assert counted(by_model) == before[0] + 1
    assert counted(timed) > before[1]
