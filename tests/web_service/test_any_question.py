"""What every answer promises, of a release whose truth is known, read from its tables and from a snapshot."""

from collections import defaultdict
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.local.servers.postgres import create_database
from recsys.serving.files import FILES
from recsys.serving.migrate import migrate
from recsys.serving.snapshot.release import SnapshotRelease
from recsys.testing.small_release import NOON, SITE
from tests.web_service.conftest import SHOP, publish_release, running, until
from web_service.app import create_app

ITEMS = [f"i{number:02}" for number in range(40)]
USERS = [f"u{number}" for number in range(12)]
CATEGORIES = ("books", "toys", "tools")


class Truth:
    """A shop, and all that is known of it; drawn once, the same each time."""

    def __init__(self):
        rng = np.random.default_rng(7)
        self.facts = {
            item: (
                str(rng.choice(CATEGORIES)) if rng.random() < 0.9 else None,
                float(rng.integers(1, 9)) if rng.random() < 0.8 else None,
                bool(rng.random() < 0.85),
            )
            for item in ITEMS
        }
        self.history, self.bought, self.rows, self.told = {}, {}, defaultdict(list), []
        for number, user in enumerate(USERS):
            known = rng.permutation(ITEMS)[: rng.integers(1, 15)].tolist()
            self.bought[user] = known[: rng.integers(0, 4)]
            self.history[user] = set(known)
            ranked = rng.permutation(ITEMS)[: rng.integers(0, 25)].tolist()
            scores = sorted(rng.random(len(ranked)), reverse=True)
            because = [rng.permutation(known)[: rng.integers(0, 3)].tolist() for _ in ranked]
            row = [user, ranked, scores, ["ranked:als"] * len(ranked), because]
            seen = sorted(set(known) - set(self.bought[user]))
            self.rows["recommendations.parquet"].append([*row, self.bought[user], self.bought[user], seen])
            for step in range(int(rng.integers(0, 5)) if number % 2 else 0):
                event = (user, str(rng.choice(ITEMS)), "purchase" if rng.random() < 0.3 else "view")
                self.told.append((*event, NOON + timedelta(minutes=step)))
        for item in ITEMS[::2]:
            near = rng.permutation([other for other in ITEMS if other != item])[:8]
            falling = sorted(rng.random(8), reverse=True)
            self.rows["similar.parquet"] += [
                [item, str(one), score, place] for place, (one, score) in enumerate(zip(near, falling, strict=True), 1)
            ]
        for category in ("", *CATEGORIES):
            inside = [item for item in ITEMS if category in ("", self.facts[item][0])]
            self.rows["top_popular.parquet"] += [
                [category, str(item), float(50 - place), place]
                for place, item in enumerate(rng.permutation(inside)[:6], 1)
            ]
        self.rows["items.parquet"] = [
            [item, f"Title of {item}", category, price, there] for item, (category, price, there) in self.facts.items()
        ]
        for user, item, kind, _ in self.told:
            self.history[user].add(item)
            if kind == "purchase":
                self.bought[user].append(item)

    def write(self, folder):
        """The files of the release; returns their rows."""
        for name, rows in self.rows.items():
            pl.DataFrame(rows, schema=FILES[name], orient="row").write_parquet(folder / name)
        return {name: len(rows) for name, rows in self.rows.items()}

    def eligible(self, question):
        """The items that may be in an answer."""
        user = question.get("user_id")
        hidden = {*question["exclude"], *self.bought.get(user, [])}
        if "seen" in question["hide"]:
            hidden |= self.history.get(user, set()) | set(question["recent"])
        low, high = question.get("min_price"), question.get("max_price")
        return {
            item
            for item, (category, price, there) in self.facts.items()
            if there
            and item not in hidden
            and question.get("category") in (None, category)
            and (low is None or (price is not None and price >= low))
            and (high is None or (price is not None and price <= high))
            and ("only" not in question or item in question["only"])
        }


@pytest.fixture(scope="module")
def truth():
    return Truth()


@pytest.fixture(scope="module")
def readers(truth, postgres, tmp_path_factory):
    """Two services of one shop: one that reads tables, one that reads a snapshot without all users."""
    folder = tmp_path_factory.mktemp("any_question")
    create_database(postgres, "any_question")
    (folder / f"{SITE}.yaml").write_text(yaml.safe_dump(SHOP))
    chosen = {"recsys_postgres_database": "any_question", "recsys_sites_dir": folder, "recsys_home": folder}
    tables = postgres.model_copy(update={**chosen, "recsys_snapshot_users": 0})
    migrate(tables.postgres_dsn())
    publish_release(tables, "any", folder, truth.write(folder))
    app = create_app(tables.model_copy(update={"recsys_snapshot_users": len(USERS) - 3}))
    with running(tables) as from_tables, running(tables, app) as from_snapshot:
        standing = app.state.services.standing
        until(lambda: isinstance(standing.reader(SITE), SnapshotRelease))
        events = [
            {"user_id": user, "item_id": item, "event_type": kind, "timestamp": when.isoformat()}
            for user, item, kind, when in truth.told
        ]
        assert from_tables.post(f"/v1/{SITE}/events", json=events).status_code == 202
        news = [{"user_id": user, "k": 40, "mode": "online"} for user in USERS]
        until(lambda: all(asked(from_tables, user) == asked(from_snapshot, user) for user in news))
        yield from_tables, from_snapshot


@st.composite
def questions(draw):
    """A question as a body."""
    items = st.lists(st.sampled_from([*ITEMS, "no such"]), max_size=6)
    prices = st.one_of(st.none(), st.integers(0, 9))
    low, high = draw(prices), draw(prices)
    if low is not None and high is not None:
        low, high = sorted((low, high))
    asked = {
        "user_id": draw(st.sampled_from([*USERS, "never seen", None])),
        "k": draw(st.integers(1, 45)),
        "offset": draw(st.sampled_from([0, 0, 1, 7, 50])),
        "mode": draw(st.sampled_from(["blended", "offline", "online"])),
        "category": draw(st.sampled_from([None, None, *CATEGORIES, "no such"])),
        "min_price": low,
        "max_price": high,
        "only": draw(st.one_of(st.none(), st.lists(st.sampled_from(ITEMS), max_size=25))),
    }
    hide = st.lists(st.sampled_from(["seen", "bought"]), max_size=3)
    lists = {"exclude": draw(items), "recent": draw(items), "hide": draw(hide)}
    return {name: value for name, value in asked.items() if value is not None} | lists


def asked(client, question):
    reply = client.post(f"/v1/{SITE}/recommendations", json=question)
    assert reply.status_code == 200, reply.text
    return reply.json()["items"]


@given(question=questions())
@settings(max_examples=150)
def test_whatever_is_asked(truth, readers, question):
    found, mapped = (asked(client, question) for client in readers)
    eligible, offset = truth.eligible(question), question["offset"]
    ids = [item["item_id"] for item in found]
    assert len(set(ids)) == len(ids) == max(0, min(question["k"], len(eligible) - offset))
    assert set(ids) <= eligible
    assert [item["position"] for item in found] == list(range(offset + 1, offset + 1 + len(ids)))
    history = truth.history.get(question.get("user_id"), set()) | set(question["recent"])
    for item in found:
        assert set(item["because"]) <= history
        assert (item["category"], item["price"]) == truth.facts[item["item_id"]][:2]
    for name in ("item_id", "source", "because"):
        assert [item[name] for item in found] == [item[name] for item in mapped]
    assert [item["score"] for item in found] == pytest.approx([item["score"] for item in mapped], rel=1e-3)


@given(question=questions(), page=st.integers(1, 20))
@settings(max_examples=40)
def test_pages_are_one_list(truth, readers, question, page):
    for client in readers:
        whole = asked(client, {**question, "offset": 0, "k": 45})
        pages = [asked(client, {**question, "offset": offset, "k": page}) for offset in range(0, 45, page)]
        turned = [item for items in pages for item in items]
        assert [item["item_id"] for item in turned][:45] == [item["item_id"] for item in whole]
        assert [item["position"] for item in turned] == list(range(1, len(turned) + 1))


@given(items=st.lists(st.sampled_from([*ITEMS, "no such"]), min_size=1, max_size=6), k=st.integers(1, 45))
@settings(max_examples=30)
def test_a_session_goes_on_because_of_itself(truth, readers, items, k):
    found, mapped = (
        client.get(f"/v1/{SITE}/session", params={"items": items, "k": k}).json()["items"] for client in readers
    )
    assert [item["item_id"] for item in found] == [item["item_id"] for item in mapped]
    eligible = {item for item, (_, _, there) in truth.facts.items() if there} - set(items)
    assert len(found) == min(k, len(eligible))
    assert {item["item_id"] for item in found} <= eligible
    assert all(set(item["because"]) <= set(items) for item in found)
