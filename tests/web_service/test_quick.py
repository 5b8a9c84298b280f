"""What the quick layer answers is what the route would have answered."""

import re

import httpx
import pytest
from pydantic import SecretStr

from recsys.testing.small_release import SITE
from tests.web_service.conftest import until
from web_service.app import create_app
from web_service.quick import WAYS, Quick

ASK = f"/v1/{SITE}/recommendations"
OF_THIS_ANSWER = {"x-request-id", "server-timing", "date", "location"}
ANNA = {"user_id": "anna", "mode": "online", "k": 1}
KEYS = {f"recsys_{scope}_key": SecretStr(f"{scope}-key") for scope in ("read", "write", "admin")}
PLAIN = [
    "",
    "?user_id=anna&k=3",
    "?user_id=anna&k=3&mode=offline",
    "?user_id=bea&mode=online&recent=i01,i02",
    "?exclude=i01&exclude=i02,i03&k=4",
    "?user_id=j%C3%BCrgen+m&k=2",
    "?user_id=%ff&k=1",
    "?k=3&category=books",
    "?user_id=never%20seen&k=500",
]
OTHERS = [
    "?k=0",
    "?k=many",
    "?nobody_knows=this",
    "?k=1&k=2",
    "?user_id=",
    "?user_id=a%00b",
    "?mode=best",
    "?exclude=" + ",".join(f"i{number}" for number in range(1001)),
    "/?k=2",
]


def only_the_long_way(settings):
    app = create_app(settings)
    app.user_middleware = [layer for layer in app.user_middleware if layer.cls is not Quick]
    return app


@pytest.fixture(scope="module")
def both(module_shop, serve):
    """Clients of two services alike, but for one having the long way only; anna looked at an item."""
    settings = module_shop.model_copy(update={"recsys_require_keys": True, **KEYS})
    long_way = only_the_long_way(settings)
    with serve(settings) as quick, serve(settings, long_way) as slow:
        for client in (quick, slow):
            client.headers["Authorization"] = "Bearer admin-key"
            until(lambda client=client: client.get(ASK).status_code == 200)
        event = {"event_id": "e1", "user_id": "anna", "item_id": "i01", "event_type": "view"}
        for client in (quick, slow):
            assert client.post(f"/v1/{SITE}/events", json=event).status_code == 202
            until(lambda client=client: "i01" in str(client.get(ASK, params=ANNA).json()["items"][0]["because"]))
        yield quick, slow


def seen(reply: httpx.Response):
    """All of a reply but what is new in each."""
    content = {**reply.json(), "request_id": reply.headers["x-request-id"]} if reply.content else None
    return (
        reply.status_code,
        [(name, value) for name, value in reply.headers.raw if name.decode() not in OF_THIS_ANSWER],
        {name: value for name, value in (content or {}).items() if name != "request_id"},
        reply.json().get("request_id") == reply.headers["x-request-id"] if content else None,
        [re.sub(r"[\d.]+$", "", reply.headers["server-timing"])],
    )


@pytest.mark.parametrize("question", [*PLAIN, *OTHERS])
def test_both_ways_answer_the_same(both, question):
    quick, slow = (seen(client.get(ASK + question, follow_redirects=False)) for client in both)
    assert quick == slow
    assert quick[0] == 200 or question in OTHERS


@pytest.mark.parametrize(
    "address",
    [
        "/v1/nowhere/recommendations",
        "/v1//recommendations",
        "/v1/recommendations",
        "/v1/a/b/recommendations",
        "/v1/%2e%2e/recommendations",
    ],
)
def test_both_ways_know_the_same_sites(both, address):
    quick, slow = (seen(client.get(address)) for client in both)
    assert quick == slow
    assert quick[0] == 404


@pytest.mark.parametrize("key", [None, "Bearer wrong", "Bearer write-key", "Basic read-key"])
@pytest.mark.parametrize("question", [PLAIN[1], OTHERS[0]])
def test_both_ways_need_a_key(both, key, question):
    headers = {"Authorization": key} if key else {}
    quick, slow = (seen(httpx.get(f"{client.base_url}{ASK}{question}", headers=headers)) for client in both)
    assert quick == slow
    assert quick[0] in (401, 403)


def counted(client):
    """What the service counted of recommendations, without the times."""
    lines = client.get("/metrics").text.splitlines()
    kept = [line for line in lines if "/recommendations" in line or line.startswith(("recsys_answers", "recsys_items"))]
    return {line for line in kept if "_bucket" not in line and "_sum" not in line and "_created" not in line}


def test_both_ways_count_the_same(both):
    before = [counted(client) for client in both]
    for client in both:
        for question in (*PLAIN, *OTHERS):
            client.get(ASK + question)
    after = [counted(client) for client in both]
    quick, slow = (new - old for old, new in zip(before, after, strict=True))
    assert {line.split()[0] for line in quick} == {line.split()[0] for line in slow}
    assert any('status="422"' in line for line in quick)


def test_a_plain_question_never_reaches_the_route_and_others_do(module_shop, serve):
    app, declared = create_app(module_shop), WAYS["GET", "recommendations"].route.path
    app.router.routes = [route for route in app.router.routes if getattr(route, "path", "") != declared]
    with serve(module_shop, app) as client:
        until(lambda: client.get(ASK).status_code == 200)
        assert {client.get(ASK + question).status_code for question in PLAIN} == {200}
        assert {client.get(ASK + question).status_code for question in OTHERS} == {404}


def test_a_question_that_cannot_be_answered_says_why_as_the_route_does(without_release, serve):
    long_way = only_the_long_way(without_release)
    with serve(without_release) as quick, serve(without_release, long_way) as slow:
        replies = [seen(client.get(ASK)) for client in (quick, slow)]
    assert replies[0] == replies[1]
    assert replies[0][0] == 404
