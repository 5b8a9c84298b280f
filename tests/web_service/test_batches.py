"""One wish for many users."""

import pytest

from recsys.testing.small_release import SITE
from tests.web_service.conftest import until
from tests.web_service.test_recommendations import ask, ids, tell
from tests.web_service.test_standing import snapshot_answers
from web_service.app import create_app

BATCH = f"/v1/{SITE}/recommendations/batch"
USERS = ["anna", "never seen", "anna", "one_item", "nothing", "bought_much"]


def asked(client, **wish):
    reply = client.post(BATCH, json={"user_ids": USERS, **wish})
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize("snapshot", [False, True])
def test_each_user_gets_the_answer_that_it_would_get_alone(serve, shop, tmp_path, snapshot):
    chosen = {"recsys_snapshot_users": 3 if snapshot else 0, "recsys_home": tmp_path}
    settings = shop.model_copy(update=chosen)
    app = create_app(settings)
    with serve(settings, app) as client:
        if snapshot:
            until(snapshot_answers(app))
        tell(client, "anna", "i01")
        tell(client, "one_item", "i02", "purchase")
        for wish in ({}, {"k": 50}, {"category": "books", "k": 4}, {"hide": ["seen"], "mode": "online", "offset": 2}):
            found = asked(client, **wish)
            assert [answer["user_id"] for answer in found["answers"]] == USERS
            assert [answer["request_id"] for answer in found["answers"]] == [
                f"{found['request_id']}.{place}" for place in range(1, len(USERS) + 1)
            ]
            for answer in found["answers"]:
                alone = ask(client, user_id=answer["user_id"], **wish)
                assert answer | {"request_id": ""} == alone | {"request_id": ""}


def test_every_answer_is_written_down(serve, shop, rows):
    with serve(shop) as client:
        found = asked(client, k=2)
    written = dict(rows("SELECT request_id, item_ids FROM recsys.impression"))
    assert written == {answer["request_id"]: ids(answer) for answer in found["answers"]}


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"user_ids": []}, "user_ids"),
        ({"user_ids": [f"u{n}" for n in range(1001)]}, "user_ids"),
        ({"user_ids": ["a", ""]}, "user_ids[1]"),
        ({"k": 51}, "k"),
        ({"recent": ["i01"]}, "recent"),
        ({"min_price": 2, "max_price": 1}, "max_price"),
    ],
)
def test_what_cannot_be_asked_for_many(shared, wish, field):
    reply = shared.post(BATCH, json={"user_ids": ["anna"], **wish})
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, field)


def test_a_thousand_users_are_answered_at_once(shared):
    reply = shared.post(BATCH, json={"user_ids": [f"u{n}" for n in range(1000)], "k": 5})
    assert [len(answer["items"]) for answer in reply.json()["answers"]] == [5] * 1000
