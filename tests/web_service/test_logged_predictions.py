"""A thousand predictions over HTTP: what the models were given is what the training pipeline makes of the log.

The log is what the web service itself wrote down: events, what it was told of items, what it showed to whom.
"""

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.events.schema import IMPRESSIONS, INTERACTIONS, ITEM_UPDATES
from recsys.predictors.ctr import impression_rows
from recsys.predictors.ctr.training import columns_of
from recsys.predictors.intent import prefixes_of, read_sessions
from recsys.serving.feedback import read_events
from recsys.serving.impressions import read_impressions
from recsys.serving.item_updates import read_item_updates
from recsys.serving.predicting.clicks import ClickProbability
from recsys.serving.predicting.intent import PurchaseIntent
from recsys.serving.predicting.scorer import Scorer
from recsys.testing.small_release import SITE
from tests.web_service.conftest import as_web, until
from tests.web_service.predicting import CONFIG, RULES

USERS, STEPS, SLATES, SHOWN = 40, 8, 90, 4
"""Each user is asked about after each step, live and told by types: 640 requests; each item shown is asked for: 360."""
ITEMS = [f"a{n}" for n in range(9)]
"""The last is one that nothing was ever told of."""
POLICY = CONFIG.predictors.ctr


@cache
def now():
    """When these tests began, however long after they were collected."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def client(predicting_shop, serve):
    with serve(as_web(predicting_shop)) as client:
        yield client


@pytest.fixture
def given(monkeypatch):
    """The feature tables that the service's models were given, one after the other."""
    tables = []
    predict = Scorer.predict

    def noted(self, table):
        tables.append(table.copy())
        return predict(self, table)

    monkeypatch.setattr(Scorer, "predict", noted)
    return tables


def log(settings, read, schema):
    """What the service wrote down, as the training reads it."""
    span = (settings.postgres_dsn(), SITE, now() - timedelta(days=9), now() + timedelta(days=1))
    return pl.DataFrame(read(*span), schema=schema, orient="row")


def tell(client, *events):
    assert client.post(f"/v1/{SITE}/events", json=events).status_code == 202


def update(item, category, price, minutes):
    at = (now() - timedelta(minutes=minutes)).isoformat()
    return {"kind": "item_update", "item_id": item, "category": category, "price": price, "timestamp": at}


def predicted(reply):
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_640_sessions_are_seen_as_the_training_sees_them(client, predicting_shop, given):
    """After each event: by user, and by the types of the events so far."""
    rng = np.random.default_rng(4)
    tell(client, *(update(f"a{n}", "books" if n % 2 else "toys", 5.0 + n / 3, 3000) for n in range(1, 8)))
    users, live, bare = [f"user-{n}" for n in range(USERS)], {}, {}
    types = {user: [] for user in users}
    for step in range(STEPS):
        began = 2.0 * (STEPS - step)
        events = []
        for user in users:
            types[user].append(str(rng.choice(["view", "cart"], p=[0.7, 0.3])))
            at = (now() - timedelta(minutes=began - float(rng.uniform(0, 1)))).isoformat()
            item = str(rng.choice(ITEMS))
            events.append({"user_id": user, "item_id": item, "event_type": types[user][-1], "timestamp": at})
        tell(client, *events, update(f"a{step}", "games", 40.0 + step, began - 1.5))
        for user in users:
            for asked, kept in (({"user_id": user}, live), ({"session": ",".join(types[user])}, bare)):
                said = predicted(client.get(f"/v1/{SITE}/intent", params=asked))["purchase_probability"]
                kept[user, step + 1] = (given.pop().tobytes(), said)
    interactions, updates = (
        log(predicting_shop, read_events, INTERACTIONS),
        log(predicting_shop, read_item_updates, ITEM_UPDATES),
    )
    sessions = read_sessions(interactions, updates, RULES, until=now() + timedelta(days=1))
    scorer = PurchaseIntent.load(predicting_shop.recsys_home / "intent").scorer
    for served, types_alone in ((live, False), (bare, True)):
        rows = prefixes_of(sessions, RULES, bare=types_alone)
        table = rows.examples.table
        learned = zip(rows.session, rows.events, table, scorer.along(table, rows.session).tolist(), strict=True)
        assert served == {(sessions[n].user_id, events): (row.tobytes(), said) for n, events, row, said in learned}
        assert len(served) == USERS * STEPS
    assert len({table for table, _ in live.values()}) > 250


def test_360_impressions_are_seen_as_the_training_sees_them(client, predicting_shop, given):
    """As the client knows them when it shows them; what happens and is told afterwards changes no feature."""
    known = {
        "i01": ("books", 3.5),
        "i02": ("toys", 1e9),
        "i03": (None, 0.0),
        "i06": ('à la carte, 7"', 19.99),
        "i04": ("7", 1.0),
    }
    tell(client, *(update(item, *facts, 10) for item, facts in known.items()))
    served, said, slates = [], [], []
    for slate in range(SLATES):
        user = ["anna", "bought_much", f"user-{slate}"][slate % 3]
        asked = {"user_id": user, "k": SHOWN, "exclude": "i05"}
        slates.append(predicted(client.get(f"/v1/{SITE}/recommendations", params=asked)))
    until(lambda: log(predicting_shop, read_impressions, IMPRESSIONS).height == SLATES)
    written = log(predicting_shop, read_impressions, IMPRESSIONS)
    shown_at = dict(written.select(c.REQUEST_ID, c.TIMESTAMP).iter_rows())
    for shown in slates:
        user = shown["user_id"]
        for item in shown["items"]:
            category, price = known.get(item["item_id"], (None, None))
            shown_when = shown_at[shown["request_id"]].isoformat()
            row = {"timestamp": shown_when, "user_id": user, "item_id": item["item_id"]}
            row |= {
                "position": item["position"],
                "slate_size": SHOWN,
                "category": category,
                "price": price,
                "more": True,
            }
            reply = predicted(client.post(f"/v1/{SITE}/ctr", json={"rows": [row]}))
            served.append(((shown["request_id"], item["item_id"]), given.pop().tobytes()))
            said += [each["click_probability"] for each in reply["predictions"]]
    clicks = [
        {"user_id": "anna", "item_id": item, "event_type": "view", "request_id": of} for (of, item), _ in served[::3]
    ]
    tell(client, *clicks)
    tell(client, *({**update(item, "later", 2.0, 0), "timestamp": datetime.now(UTC).isoformat()} for item in known))
    impressions = log(predicting_shop, read_impressions, IMPRESSIONS)
    interactions, updates = (
        log(predicting_shop, read_events, INTERACTIONS),
        log(predicting_shop, read_item_updates, ITEM_UPDATES),
    )
    rows = impression_rows(impressions, interactions, updates, as_of=now() + timedelta(hours=1), policy=POLICY)
    model = ClickProbability.load(predicting_shop.recsys_home / "ctr")
    table = model.encoder.table(columns_of(rows, model.reader))
    assert rows[POLICY.label].sum() == len(clicks)
    assert [row.tobytes() for row in table] == [row for _, row in served]
    assert model.scorer.predict(table).tolist() == said
    assert len(said) == SLATES * SHOWN
