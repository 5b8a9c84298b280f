"""The release's ranker orders what is shown at request time, within its budget; without it answers go on."""

import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import yaml

from recsys import columns as c
from recsys.local.servers.postgres import create_database
from recsys.serving import publishing
from recsys.serving.migrate import migrate
from recsys.serving.postgres import transaction
from recsys.serving.scoring.form import MODEL
from recsys.testing.ranked_release import AS_OF, SITE, make_ranked_release
from tests.web_service.conftest import until
from web_service.online_ranking import in_order

NAME = "ranked_shop"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_ranked_release(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def published(postgres, made, tmp_path_factory):
    """Settings of a site whose live release has a ranker; nobody has told it anything."""
    create_database(postgres, "web_ranked")
    chosen = {
        "recsys_postgres_database": "web_ranked",
        "recsys_sites_dir": tmp_path_factory.mktemp("sites"),
        "recsys_snapshot_users": 1000,
    }
    settings = postgres.model_copy(update=chosen)
    migrate(settings.postgres_dsn())
    folder = tmp_path_factory.mktemp("exchange")
    made.store.export(folder)
    publishing.record_release(settings.postgres_dsn(), NAME, "first", as_of=AS_OF, at=AS_OF, state="gated")
    publishing.publish(settings.postgres_dsn(), NAME, "first", folder, made.rows)
    publishing.activate(settings.postgres_dsn(), NAME, "first", AS_OF)
    return settings


def with_policy(settings, **policy):
    """The site asks for this online ranking."""
    site = yaml.safe_load(SITE)
    site["serving"]["online_ranking"] |= policy
    (settings.recsys_sites_dir / f"{NAME}.yaml").write_text(yaml.safe_dump(site))


@pytest.fixture
def shop(published, tmp_path):
    """The same on a host of its own, with another policy."""

    def make(**policy):
        with_policy(published, **policy)
        return published.model_copy(update={"recsys_home": tmp_path})

    return make


@pytest.fixture(scope="module")
def host(serve, published, made, tmp_path_factory):
    """A service whose ranker is ready, for tests that do not mind each other."""
    with_policy(published)
    with serve(published.model_copy(update={"recsys_home": tmp_path_factory.mktemp("host")})) as client:
        warmed(client, *somebody(made))
        yield client


@pytest.fixture
def client(host, published, made):
    """The same, with the site's own policy."""
    with_policy(published)
    user, item = somebody(made)
    count = ranked(host)
    until(lambda: ask(host, user_id=user, recent=item) and ranked(host) > count)
    return host


def somebody(made, row=0):
    """A user, and an item among the user's candidates."""
    return made.candidates.select(c.USER_ID, c.ITEM_ID).row(row)


def ask(client, **question):
    response = client.get(f"/v1/{NAME}/recommendations", params=question)
    assert response.status_code == 200, response.text
    return response.json()["items"]


def look_at(client, user, item):
    told = {"user_id": user, "item_id": item, "event_type": "view", "timestamp": datetime.now(UTC).isoformat()}
    assert client.post(f"/v1/{NAME}/events", json=told).status_code == 202


def metric(client, start):
    lines = client.get("/metrics").text.splitlines()
    return next((float(line.removeprefix(start)) for line in lines if line.startswith(start)), 0.0)


def ranked(client):
    return metric(client, f'recsys_ranking_seconds_count{{site="{NAME}"}}')


def unranked(client, kind):
    return metric(client, f'recsys_unranked_answers_total{{kind="{kind}",site="{NAME}"}}')


def warmed(client, user, item):
    """Asks until the ranker is there."""
    until(lambda: ask(client, user_id=user, recent=item) and ranked(client) > 0)


def test_an_online_item_gets_its_share_of_the_sites_weight():
    online = [("a", 4.0, "similar", ("z",)), ("b", 1.0, "similar", ("z",))]
    offline = [("c", 0.9, "ranked:als", ()), ("b", 0.8, "ranked:als", ()), ("d", 0.7, "ranked:als", ())]
    candidates = {candidate[0]: candidate for candidate in (*online, *offline)}.values()
    ranked = in_order(candidates, [-1.0, 2.0, 5.0, 4.0], online, online_weight=8.0)
    assert ranked == [
        ("a", 7.0, "similar", ("z",)),
        ("c", 5.0, "ranked:als", ()),
        ("b", 4.0, "ranked:als", ()),
        ("d", 4.0, "ranked:als", ()),
    ]
    unknown = in_order(candidates, [-1.0, 2.0, -math.inf, 4.0], online, online_weight=8.0)
    assert [item for item, *_ in unknown] == ["a", "b", "d"]
    alone = in_order(candidates, [-1.0, 2.0, 5.0, 4.0], online, online_weight=0.0)
    assert [item for item, *_ in alone] == ["c", "d", "b", "a"]


def test_offline_and_online_items_stand_in_the_rankers_order(client, made):
    user, item = somebody(made)
    slate = ask(client, user_id=user, k=20)
    look_at(client, user, item)
    items = ask(client, user_id=user, k=50)

    scores = [shown["score"] for shown in items]
    assert scores == sorted(scores, reverse=True)
    assert {shown["source"].partition(":")[0] for shown in items} == {"ranked", "similar"}
    assert all(shown["because"] == [item] for shown in items if shown["source"] == "similar")
    assert items[:20] != slate
    assert ask(client, user_id=user, k=20, mode="offline") == slate
    assert len({shown["item_id"] for shown in items}) == len(items)
    assert ask(client, user_id=user, k=20) + ask(client, user_id=user, k=30, offset=20) == items
    assert unranked(client, "late") == unranked(client, "failed") == 0


def test_who_did_nothing_lately_gets_the_slate_unscored(client, made):
    user, _ = somebody(made, -1)
    count = ranked(client)
    assert [shown["source"].partition(":")[0] for shown in ask(client, user_id=user)] == ["ranked"] * 10
    assert ranked(client) == count


def test_a_stranger_is_answered_by_blending(client, made):
    _, item = somebody(made)
    count = unranked(client, "stranger")
    assert ask(client, user_id="nobody", recent=item)[0]["because"] == [item]
    assert unranked(client, "stranger") == count + 1


def test_a_crowd_is_ranked_or_blended_within_the_budget(client, made, published):
    with_policy(published, budget_ms=3)
    user, item = somebody(made, made.candidates.height // 2)
    before = ranked(client) + unranked(client, "late")
    with ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(lambda _: ask(client, user_id=user, recent=item), range(200)))
    assert [len(items) for items in answers] == [10] * 200
    assert ranked(client) + unranked(client, "late") == before + 200
    assert unranked(client, "failed") == 0


def test_a_user_who_was_forgotten_is_a_stranger(client, made, published):
    user, item = somebody(made, -1)
    assert ask(client, user_id=user, recent=item)
    before = ranked(client), unranked(client, "stranger")
    assert client.delete(f"/v1/{NAME}/users/{user}").status_code == 200
    assert ask(client, user_id=user, recent=item)[0]["because"] == [item]
    assert (ranked(client), unranked(client, "stranger")) == (before[0], before[1] + 1)
    with transaction(published.postgres_dsn()) as cursor:
        cursor.execute("SELECT count(*) FROM recsys.ranker_user WHERE user_id = %s", (user,))
        assert cursor.fetchone()[0] == 0


def test_files_go_when_nobody_wants_them(serve, shop, made):
    user, item = somebody(made)
    settings = shop()
    with serve(settings) as client:
        warmed(client, user, item)
        assert list(settings.recsys_home.rglob("*.ranker"))
        shop(enabled=False)
        until(lambda: not list(settings.recsys_home.rglob("*.ranker")))
        assert len(ask(client, user_id=user, recent=item)) == 10


def test_over_budget_the_answer_is_blended(serve, shop, made):
    user, item = somebody(made, made.candidates.height // 2)
    with serve(shop(enabled=False)) as client:
        blended = ask(client, user_id=user, recent=item)
    with serve(shop(budget_ms=0)) as client:
        until(lambda: ask(client, user_id=user, recent=item) and unranked(client, "late"))
        assert ask(client, user_id=user, recent=item) == blended
        assert ranked(client) == 0


@pytest.mark.parametrize("name", [MODEL, c.EVIDENCE])
def test_a_broken_part_is_refused_and_made_again(serve, shop, made, name):
    user, item = somebody(made)
    settings = shop()
    with serve(settings) as client:
        warmed(client, user, item)
    (folder,) = (settings.recsys_home / "snapshots" / NAME).glob("*.ranker")
    broken = (folder / name).read_bytes()
    (folder / name).write_bytes(broken[: len(broken) // 2])
    with serve(settings) as client:
        until(lambda: ask(client, user_id=user, recent=item) and unranked(client, "refused"))
        assert not folder.exists()
        assert len(ask(client, user_id=user, recent=item)) == 10


def test_a_release_without_its_parts_is_answered_by_blending(serve, shop, made, published):
    user, item = somebody(made)
    with transaction(published.postgres_dsn()) as cursor:
        cursor.execute("CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM recsys.ranker_file")
        cursor.execute("UPDATE recsys.ranker_file SET name = name || '.away'")
    try:
        with serve(shop()) as client:
            assert len(ask(client, user_id=user, recent=item)) == 10
            assert unranked(client, "absent") == 1
    finally:
        with transaction(published.postgres_dsn()) as cursor:
            cursor.execute("UPDATE recsys.ranker_file SET name = replace(name, '.away', '')")


def test_a_site_that_does_not_ask_for_it_loads_nothing(shop):
    settings = shop(enabled=False)
    code = """
import asyncio, sys
from recsys.layout import Settings
from web_service.app import create_app
async def live():
    app = create_app(Settings())
    async with app.router.lifespan_context(app):
        await asyncio.sleep(2)
asyncio.run(live())
print(*sorted({"catboost", "pandas", "numpy", "polars"} & sys.modules.keys()))
"""
    environment = {**os.environ, **settings.environment()}
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.split() == []
    assert not list(settings.recsys_home.rglob("*.ranker"))
