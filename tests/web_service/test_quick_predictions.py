"""What the quick layer predicts is what the routes would have predicted, and their refusals are the same."""

import json

import numpy as np
import polars as pl
import pytest
from pydantic import SecretStr

from recsys import columns as c
from recsys.testing.clicks import CLICK, drawn_clicks
from recsys.testing.small_release import SITE
from tests.web_service.conftest import until
from tests.web_service.test_quick import only_the_long_way, seen
from web_service.app import create_app
from web_service.quick import WAYS

ROWS = json.loads(
    drawn_clicks(20, rng=np.random.default_rng(5))[0]
    .drop(CLICK)
    .with_columns(pl.col(c.TIMESTAMP).dt.to_string("iso:strict"))
    .write_json()
)
SESSIONS = [
    "?session=view,cart",
    "?session=view&session=cart,view",
    "",
    "?session=",
    "?user_id=anna",
    "?session=%C3%BC",
]
WRONG_SESSIONS = ["?user_id=a%00b", "?user_id=a&user_id=b", "?sessions=view", "?session=" + "view," * 5000]
BODIES = [
    json.dumps({"rows": ROWS}),
    json.dumps({"rows": [{**ROWS[0], "price": 1e400, "category": 7, "more": True, "user_id": 2**80, "item_id": 1.0}]}),
    json.dumps({"rows": ROWS[:1]})[:-1] + ", " + json.dumps({"rows": ROWS[1:3]})[1:],
    json.dumps({"rows": ROWS[:1]}).replace('"category": "', '"category": "\\ud83d\\ude00'),
]
WRONG_BODIES = [
    "",
    "{",
    "[]",
    '{"rows": []}',
    '{"rows": [{"price": [1]}]}',
    '{"rows": [{"a": 1}]}',
    '{"rows": [{"a": "\\ud800"}]}',
    '{"rows": [{"a": 1}], "more": 1}',
]


@pytest.fixture(scope="module")
def both(predicting_shop, serve):
    """Clients of two services alike, but for one having the long way only."""
    keys = {f"recsys_{scope}_key": SecretStr(f"{scope}-key") for scope in ("read", "write", "admin")}
    settings = predicting_shop.model_copy(update={"recsys_require_keys": True, **keys})
    with serve(settings) as quick, serve(settings, only_the_long_way(settings)) as slow:
        for client in (quick, slow):
            client.headers["Authorization"] = "Bearer read-key"
            until(lambda client=client: client.get(f"/v1/{SITE}/intent").status_code == 200)
        yield quick, slow


@pytest.mark.parametrize("question", [*SESSIONS, *WRONG_SESSIONS])
def test_sessions(both, question):
    quick, slow = (seen(client.get(f"/v1/{SITE}/intent{question}")) for client in both)
    assert quick == slow
    assert quick[0] == 200 or question in WRONG_SESSIONS


@pytest.mark.parametrize("body", [*BODIES, *WRONG_BODIES])
@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "text/plain"])
def test_rows(both, body, kind):
    headers = {"Content-Type": kind}
    quick, slow = (seen(client.post(f"/v1/{SITE}/ctr", content=body, headers=headers)) for client in both)
    assert quick == slow
    assert (quick[0] == 200) == (body in BODIES and kind != "text/plain")


def test_a_body_that_comes_in_pieces_or_is_too_large(both):
    pieces = [BODIES[0][:1000].encode(), BODIES[0][1000:].encode()]
    headers = {"Content-Type": "application/json"}
    for content, status in ((pieces, 200), ([b"x" * 100, b"}"], 422), ([b" " * (1 << 20)] * 5, 413)):
        quick, slow = (seen(client.post(f"/v1/{SITE}/ctr", content=iter(content), headers=headers)) for client in both)
        assert quick == slow
        assert quick[0] == status


def test_a_key_is_needed(both):
    for key in ("Bearer wrong", "Bearer write-key"):
        replies = [
            seen(client.post(f"/v1/{SITE}/ctr", content=BODIES[0], headers={"Authorization": key})) for client in both
        ]
        assert replies[0] == replies[1]
        assert replies[0][0] in (401, 403)


def test_what_is_plainly_right_never_reaches_the_routes(predicting_shop, serve):
    app = create_app(predicting_shop)
    declared = {way.route.path for way in WAYS.values()}
    app.router.routes = [route for route in app.router.routes if getattr(route, "path", "") not in declared]
    with serve(predicting_shop, app) as client:
        assert {client.get(f"/v1/{SITE}/intent{question}").status_code for question in SESSIONS} == {200}
        assert client.get(f"/v1/{SITE}/intent{WRONG_SESSIONS[0]}").status_code == 404
        json_body = {"content": BODIES[0], "headers": {"Content-Type": "application/json"}}
        assert client.post(f"/v1/{SITE}/ctr", **json_body).status_code == 200
        assert client.post(f"/v1/{SITE}/ctr", json={"rows": []}).status_code == 404
