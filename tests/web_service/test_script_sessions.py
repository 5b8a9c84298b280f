"""The script for shops' pages, asking what comes next and whether the visitor buys, with a live model of each."""

import json

import pytest

from recsys.serving.postgres import transaction
from recsys.serving.predicting.intent import PurchaseIntent
from recsys.serving.predicting.session import SessionEvent
from recsys.testing.small_release import SITE
from tests.web_service.browsing import browser, needs_chromium, shop_page
from tests.web_service.conftest import as_web, running, until
from tests.web_service.predicting import live_next_items
from web_service.app import create_app

pytestmark = needs_chromium

PAGE = """<!doctype html><div id="next"></div>
<script src="{url}/recsys.js"></script>
<script>
  const wish = {{ url: "{url}", site: "{site}", click: "cart", impression: "view" }};
  async function main() {{
    const stranger = recsys(wish);
    const tracked = [];
    const track = stranger.track;
    stranger.track = (type, item, more) => {{ tracked.push([type, item]); track(type, item, more); }};
    const untouched = await stranger.intent();
    stranger.track("view", "i02");
    stranger.track("cart", "i01");
    const place = document.querySelector("#next");
    const slate = await stranger.next({{ k: 3 }});
    stranger.show(place, slate, (item) => item.title);
    while (tracked.length < 5) await new Promise((resolve) => setTimeout(resolve, 50)); // until all three were seen
    place.lastChild.click();
    await stranger.flush();
    const sent = async () => (await fetch(`{url}/v1/{site}/users/session:${{stranger.session}}/events`)).json();
    while ((await sent()).length < 6) await new Promise((resolve) => setTimeout(resolve, 50)); // all was sent
    const again = await stranger.next({{ k: 3 }});
    const told = await stranger.intent();
    const named = await recsys(wish).next({{ items: ["i02", "i01"], k: 2, exclude: slate.items[0].item_id }});
    const user = recsys({{ ...wish, user: "ben" }});
    user.track("view", "i03");
    user.track("cart", "i03");
    await user.flush();
    const known = await user.intent();
    const text = place.innerText;
    const session = stranger.session;
    const report = {{ untouched, slate, text, session, tracked, again, told, named, known }};
    await fetch("/report", {{ method: "POST", body: JSON.stringify(report) }});
  }}
  main().catch((error) => fetch("/report", {{ method: "POST", body: JSON.stringify(String(error)) }}));
</script>"""


@pytest.fixture
def model(predicting_shop, tmp_path):
    """A live model of next items, beside that of purchase intent."""
    with live_next_items(predicting_shop, tmp_path / "model") as model:
        yield model


@pytest.fixture
def rows(predicting_shop):
    """Asks the database of the shop, as if nobody had used it before."""

    def rows(query, *values):
        with transaction(predicting_shop.postgres_dsn()) as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    with transaction(predicting_shop.postgres_dsn()) as cursor:
        cursor.execute("TRUNCATE recsys.event, recsys.impression")
    return rows


@pytest.fixture
def report(predicting_shop, model, rows, tmp_path):
    """What the page says; its events and impressions have been written when it is said."""
    with shop_page() as (address, serves, passes, reports):
        settings = as_web(predicting_shop).model_copy(update={"recsys_cors_origins": address})
        with running(settings, create_app(settings)) as service:
            passes.append(str(service.base_url).rstrip("/"))
            asked = {"items": "i01", "k": 1}
            until(lambda: "model_version" in service.get(f"/v1/{SITE}/session", params=asked).json())
            until(lambda: service.get(f"/v1/{SITE}/intent").status_code == 200)
            serves["/"] = PAGE.format(url=passes[0], site=SITE)
            with browser(address + "/", tmp_path / "browser"):
                until(lambda: reports)
    found = json.loads(reports[0])
    assert isinstance(found, dict), found
    return found


def test_what_comes_next_is_shown_and_what_became_of_it_is_told(report, model, rows):
    slate, again, named = report["slate"], report["again"], report["named"]

    def best(*items, k, but=None):
        found = model.continue_session(items, k=k, may_be_shown=lambda item: item != but)
        return [each.item_id for each in found]

    shown = [item["item_id"] for item in slate["items"]]
    assert shown == best("i02", "i01", k=3)
    assert {item["source"] for item in slate["items"]} == {"session_followers"}
    assert report["text"].splitlines() == [f"Title of {item}" for item in shown]
    assert [item["item_id"] for item in named["items"]] == best("i02", "i01", k=2, but=shown[0])

    of_this = "SELECT item_ids, model_version, user_id FROM recsys.impression WHERE request_id = %s"
    assert rows(of_this, slate["request_id"]) == [(shown, model.version, None)]
    told = "SELECT event_type, item_id FROM recsys.event WHERE request_id = %s AND user_id = %s ORDER BY 1, 2"
    assert rows(told, slate["request_id"], f"session:{report['session']}") == [
        ("cart", shown[2]),
        *(("view", item) for item in sorted(shown)),
    ]
    assert [item["item_id"] for item in again["items"]] == best(
        *dict.fromkeys(item for _, item in report["tracked"]), k=3
    )
    assert again["request_id"] != slate["request_id"]


def test_a_stranger_s_intent_is_of_this_page_and_a_user_s_of_the_live_session(report, predicting_shop):
    intent = PurchaseIntent.load(predicting_shop.recsys_home / "intent")

    def told(*types):
        return {
            "purchase_probability": intent.predict([[SessionEvent(each) for each in types]])[0],
            "model_version": intent.version,
        }

    assert report["untouched"] == told()
    assert [kind for kind, _ in report["tracked"]] == ["view", "cart", "view", "view", "view", "cart"]
    assert report["told"] == told(*(kind for kind, _ in report["tracked"]))
    assert report["known"]["model_version"] == intent.version
    assert report["known"]["purchase_probability"] != told()["purchase_probability"]
