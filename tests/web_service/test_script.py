"""The script for shops' pages, in a real browser, on a page of another origin."""

import pytest
from pydantic import SecretStr

from recsys.testing.small_release import SITE
from tests.web_service.browsing import browser, needs_chromium, shop_page
from tests.web_service.conftest import running, until

pytestmark = needs_chromium

PAGE = """<!doctype html><div id="for-you"></div>
<script src="{url}/recsys.js"></script>
<script>
  const beacon = navigator.sendBeacon.bind(navigator);
  navigator.sendBeacon = (...sent) => beacon("/beacon") && beacon(...sent);
  async function main() {{
    const shop = recsys({{ url: "{url}", site: "{site}", key: {key}, user: "anna", click: "cart",
                          impression: "view" }});
    const place = document.querySelector("#for-you");
    shop.show(place, await shop.recommend({{ k: 3 }}), (item) => item.item_id + "<b>");
    shop.track("no such type", "i09");                       // refused, and spoils no other
    const headers = {key} ? {{ Authorization: "Bearer " + {key} }} : {{}};
    const told = async () => (await fetch("{url}/v1/{site}/users/anna/events", {{ headers }})).json();
    while ((await told()).length < 3) await new Promise((resolve) => setTimeout(resolve, 50)); // all three were seen
    place.firstChild.click();
    await shop.flush();
    const again = await shop.recommend({{ k: 3 }});
    shop.track("purchase", "i06", {{ value: 9.5, request_id: again.request_id }});
    await fetch("/report", {{ method: "POST", body: JSON.stringify({{ first: place.innerText, again }}) }});
    location.href = "/left";                                 // the purchase was not sent yet
  }}
  main().catch((error) => fetch("/report", {{ method: "POST", body: String(error) }}));
</script>"""


@pytest.mark.parametrize(("here", "key"), [(False, None), (False, "the-admin-key"), (True, None)])
def test_a_page_shows_a_slate_and_tells_what_was_seen_clicked_and_bought(shop, rows, tmp_path, here, key):
    with shop_page() as (address, serves, passes, reports):
        keys = {f"recsys_{scope}_key": SecretStr(f"the-{scope}-key") for scope in ("read", "write", "admin")}
        chosen = {"recsys_cors_origins": "" if here else address}
        chosen |= keys | {"recsys_require_keys": True} if key else {}
        with running(shop.model_copy(update=chosen)) as service:
            passes.append(str(service.base_url).rstrip("/"))
            url = "" if here else passes[0]
            serves["/"] = PAGE.format(url=url, site=SITE, key=f'"{key}"' if key else "undefined")
            serves["/left"] = "bye"
            with browser(address + "/", tmp_path / "browser"):
                until(lambda: reports)
                assert '"first":"i01<b>\\ni02<b>\\ni03<b>"' in reports[0]
                until(lambda: rows("SELECT 1 FROM recsys.event WHERE event_type = 'purchase'"))
                until(lambda: len(reports) == 1 + here)
    told = rows("SELECT event_type, item_id, value, user_id, request_id IS NOT NULL FROM recsys.event ORDER BY 1, 2")
    assert told == [
        ("cart", "i01", None, "anna", True),
        ("purchase", "i06", 9.5, "anna", True),
        *[("view", item, None, "anna", True) for item in ("i01", "i02", "i03")],
    ]
    assert rows("SELECT count(DISTINCT session_id) FROM recsys.event") == [(1,)]
    assert reports[1:] == (["/beacon"] if here else [])


def test_the_script_is_small_and_needs_nothing(client):
    found = client.get("/recsys.js")
    assert found.headers["content-type"].startswith("text/javascript")
    assert found.headers["cross-origin-resource-policy"] == "cross-origin"
    assert len(found.text.splitlines()) < 200
    assert "import" not in found.text
