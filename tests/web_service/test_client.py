"""The Python client, against the real service; and against servers that fail, for its patience."""

import asyncio
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from pydantic import SecretStr

from recsys.client import AsyncClient, Client, InvalidRequest, NotFound, NotPermitted, RateLimited, Unavailable, event
from recsys.client.retrying import Retrying
from recsys.serving.predicting.clicks import ClickProbability
from recsys.serving.predicting.intent import PurchaseIntent
from recsys.serving.predicting.session import SessionEvent
from recsys.testing.small_release import NOON, SITE
from tests.loopback import listening
from tests.web_service.conftest import running

QUICK = Retrying(attempts=3, first_pause=0.01)


@pytest.fixture
def shop_client(client):
    with Client(str(client.base_url), SITE, retrying=QUICK) as made:
        yield made


def ids(answer):
    return [item["item_id"] for item in answer["items"]]


def test_it_asks_everything(shop_client):
    answer = shop_client.recommendations("anna", k=3)
    assert (answer["user_id"], len(answer["items"])) == ("anna", 3)
    assert ids(answer)[0] == "i01"
    assert "i01" not in ids(shop_client.recommendations("anna", exclude=["i01"], category=None))
    assert "i01" not in ids(shop_client.recommendations("anna", exclude=["i01", "a,b"]))  # goes as a body
    assert len(shop_client.recommendations(k=2)["items"]) == 2
    assert ids(shop_client.session(["i01"], k=1)) == ["i07"]
    assert ids(shop_client.similar("i01"))[0] == "i07"
    assert ids(shop_client.popular(category="books")) != ids(shop_client.popular())
    answers = shop_client.recommendations_for(["anna", "stranger", "one_item"], k=2)
    assert [answer["user_id"] for answer in answers] == ["anna", "stranger", "one_item"]


def test_it_asks_for_predictions(predicting_shop):
    """A thousand impressions go in one request."""
    intent, ctr = (
        kind.load(predicting_shop.recsys_home / name)
        for kind, name in ((PurchaseIntent, "intent"), (ClickProbability, "ctr"))
    )
    row = {"timestamp": NOON.isoformat(), "item_id": "i01", "position": 1, "category": None, "price": 5}
    rows = [row | {"user_id": f"user-{number}", "slate_size": 10} for number in range(1001)]

    async def asked(url):
        async with AsyncClient(url, SITE) as made:
            return await made.intent(["view", "cart"]), await made.click_probabilities(rows[:3])

    with running(predicting_shop) as http, Client(str(http.base_url), SITE, retrying=QUICK) as client:
        said = client.intent(["view", "cart"])
        expected = intent.predict([[SessionEvent("view"), SessionEvent("cart")]])[0]
        assert said == {"purchase_probability": expected, "model_version": intent.version}
        assert client.intent(user_id="nobody") == client.intent()
        assert client.click_probabilities(iter(rows)) == ctr.predict(rows).tolist()
        with pytest.raises(InvalidRequest, match="price"):
            client.click_probabilities([{name: value for name, value in rows[0].items() if name != "price"}])
        assert asyncio.run(asked(str(http.base_url))) == (said, ctr.predict(rows[:3]).tolist())


def test_without_a_model_there_is_nothing_to_predict_with(shop_client):
    with pytest.raises(NotFound, match="no live model of intent"):
        shop_client.intent(["view"])


def test_it_tells_events_that_count_once(shop_client, rows):
    seen = event("anna/ü, x", "i01", "view", session_id="s1")
    assert shop_client.tell(seen, seen)["accepted"] == 1
    assert shop_client.tell(seen)["duplicates"] == 1
    many = shop_client.tell_all(event(f"u{number}", "i02", "cart") for number in range(1500))
    assert (many["accepted"], len(many["event_ids"])) == (1500, 1500)
    assert rows("SELECT count(*) FROM recsys.event") == [(1501,)]
    assert shop_client.history("anna/ü, x")[0]["session_id"] == "s1"
    assert shop_client.forget("anna/ü, x")["events"] == 1
    assert shop_client.history("anna/ü, x") == []


def test_what_is_wrong_is_an_error_of_its_own(shop_client, client):
    with pytest.raises(InvalidRequest, match="k: Input should be") as found:
        shop_client.recommendations("anna", k=0)
    assert found.value.kind == "invalid-request"
    assert found.value.errors[0]["field"] == "k"
    assert found.value.request_id
    with pytest.raises(NotFound, match="item of the catalogue"):
        shop_client.similar("nothing/such")
    with Client(str(client.base_url), "elsewhere") as other, pytest.raises(NotFound):
        other.popular()
    with Client("http://127.0.0.1:9", SITE, retrying=QUICK) as nobody, pytest.raises(Unavailable, match="ConnectError"):
        nobody.popular()


def test_a_key_opens_what_is_its_own(shop, serve):
    keys = {f"recsys_{scope}_key": SecretStr(f"the-{scope}-key") for scope in ("read", "write", "admin")}
    with serve(shop.model_copy(update={**keys, "recsys_require_keys": True})) as service:
        url = str(service.base_url)
        with Client(url, SITE, key="the-read-key") as reader:
            assert reader.popular()["items"]
            with pytest.raises(NotPermitted):
                reader.tell(event("anna", "i01", "view"))
        with Client(url, SITE) as stranger, pytest.raises(NotPermitted):
            stranger.popular()


def test_the_client_for_asyncio_does_the_same(client):
    async def main():
        async with AsyncClient(str(client.base_url), SITE) as made:
            answers = await asyncio.gather(*(made.recommendations("anna", k=3) for _ in range(10)))
            assert {tuple(ids(answer)) for answer in answers} == {("i01", "i02", "i03")}
            assert (await made.tell(event("anna", "i01", "view")))["accepted"] == 1
            assert len(await made.history("anna")) == 1
            assert len(await made.recommendations_for(["anna", "x"])) == 2
            with pytest.raises(InvalidRequest):
                await made.popular(k=0)

    asyncio.run(main())


def test_both_clients_know_the_same():
    assert {name for name in vars(Client) if name[0] != "_"} == {name for name in vars(AsyncClient) if name[0] != "_"}


@contextmanager
def failing(*answers):
    """A server that answers so, one after the other, and then well; gives its address and the bodies that came."""
    left, came = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            status, headers = left.pop(0) if left else (202, {})
            if status is None:
                self.connection.close()
                return
            self.send_response(status)
            body = json.dumps({"accepted": 1, "duplicates": 0, "event_ids": ["e"], "detail": "not now"}).encode()
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with listening(Handler) as address:
        yield address, came


def test_it_tries_again_with_the_same_events():
    with failing((503, {}), (429, {"Retry-After": "0"})) as (url, came), Client(url, SITE, retrying=QUICK) as made:
        assert made.tell({"user_id": "anna", "item_id": "i01", "event_type": "view"})["accepted"] == 1
    assert len(came) == 3
    assert came[0] == came[1] == came[2]
    assert came[0][0]["event_id"]


def test_it_waits_as_long_as_it_is_told():
    with failing((503, {"Retry-After": "1"})) as (url, _), Client(url, SITE) as made:
        begin = time.monotonic()
        made.tell(event("anna", "i01", "view"))
        assert time.monotonic() - begin >= 1.0


@pytest.mark.parametrize(
    ("status", "headers", "error"), [(503, {}, Unavailable), (429, {"Retry-After": "60"}, RateLimited)]
)
def test_it_gives_up_with_what_the_service_said(status, headers, error):
    with (
        failing(*[(status, headers)] * 3) as (url, came),
        Client(url, SITE, retrying=QUICK) as made,
        pytest.raises(error, match="not now") as found,
    ):
        made.tell(event("anna", "i01", "view"))
    assert found.value.status == status
    assert len(came) == (1 if headers else 3)


def test_a_fault_of_the_input_is_not_repeated():
    with failing((422, {})) as (url, came), Client(url, SITE, retrying=QUICK) as made, pytest.raises(InvalidRequest):
        made.tell(event("anna", "i01", "view"))
    assert len(came) == 1


def test_importing_it_is_light():
    heavy = "{'numpy', 'pandas', 'polars', 'pyarrow', 'asyncpg', 'psycopg2', 'fastapi', 'catboost', 'mlflow', 'boto3'}"
    code = f"import sys, recsys.client; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
