"""The page for people, in a real browser with the real security headers."""

import polars as pl
import pytest

from recsys import columns as c
from recsys.serving.postgres import transaction
from recsys.testing.small_release import SITE, UNAVAILABLE, write_small_release
from tests.web_service.browsing import needs_chromium, tab
from tests.web_service.conftest import as_web, publish_release, running, until
from tests.web_service.predicting import live_next_items
from web_service.app import create_app

ITEMS = "[...document.querySelectorAll('.card')].map((card) => card.dataset.item)"
FOLLOWS = "[...document.querySelectorAll('#follows button')].map((button) => button.title)"
OPERATED = {"button", "combobox", "textbox", "searchbox", "spinbutton", "link", "meter", "DisclosureTriangle"}


def text(part):
    return f"document.getElementById('{part}').textContent"


def click(selector):
    return f"document.querySelector('{selector}').click()"


def fill(**fields):
    """Fills fields in, and leaves the last of them."""
    filled = "".join(f"form.elements['{name}'].value = '{value}';" for name, value in fields.items())
    left = f"form.elements['{next(reversed(fields))}'].dispatchEvent(new Event('change', {{ bubbles: true }}))"
    return f"{{ const form = document.getElementById('controls'); {filled} {left} }}"


def button(item, name):
    return f'[data-item="{item}"] [aria-label^="{name} "]'


pytestmark = needs_chromium


@pytest.fixture
def visited(predicting_shop, tmp_path):
    """Opens a page of a shop with live models of next items and of purchase intent, that nobody used before."""
    with transaction(predicting_shop.postgres_dsn()) as cursor:
        cursor.execute("TRUNCATE recsys.event, recsys.impression")
    with (
        live_next_items(predicting_shop, tmp_path / "model") as model,
        running(predicting_shop, create_app(as_web(predicting_shop))) as service,
    ):
        session = {"items": "i01", "k": 1}
        until(lambda: "model_version" in service.get(f"/v1/{SITE}/session", params=session).json())
        until(lambda: service.get(f"/v1/{SITE}/intent").status_code == 200)
        with tab(f"{service.base_url}/#site={SITE}&user=ben", tmp_path / "browser") as page:
            page.sees(f"{ITEMS}.length === 11")
            page.sees(text("follows-note"))
            yield page, service, model
            assert page.complaints == []


def test_a_visit_goes_on_as_the_live_models_say(visited, predicting_shop):
    page, service, model = visited

    def best(*items):
        found = model.continue_session(items, k=5, may_be_shown=lambda item: item != UNAVAILABLE)
        return [each.item_id for each in found]

    def chance():
        said = service.get(f"/v1/{SITE}/intent", params={"user_id": "ben"}).json()["purchase_probability"]
        return page.js(f"({said}).toLocaleString(undefined, {{ style: 'percent', maximumFractionDigits: 1 }})")

    assert page.js(FOLLOWS) == []
    before = page.js(text("chance"))
    assert before == chance()
    page.js(click(button("i01", "Cart")))
    page.sees(f"{FOLLOWS}.length")
    assert page.js(FOLLOWS)[: len(best("i01"))] == best("i01")
    assert len(best("i01")) > 1
    after = page.js(text("chance"))
    assert after == chance() != before
    assert page.js(text("chance-was")) == f"was {before}"
    chosen = page.js(FOLLOWS)[1]
    page.js(click(f'#follows [title="{chosen}"]'))
    page.sees("document.querySelectorAll('#events li').length === 2")
    page.sees(f"!{FOLLOWS}.includes('{chosen}')")
    assert page.js(FOLLOWS)[0] == best("i01", chosen)[0]

    def answered():
        with transaction(predicting_shop.postgres_dsn()) as cursor:
            cursor.execute(
                "SELECT event_type, item_id, model_version FROM recsys.event"
                " JOIN recsys.impression USING (site, request_id) ORDER BY event.received_at"
            )
            return cursor.fetchall()

    until(lambda: len(answered()) == 2)
    assert answered() == [("cart", "i01", None), ("view", chosen, model.version)]


def test_filters_are_asked_for_and_kept_in_the_address(visited):
    page, service, _ = visited
    page.open(f"{service.base_url}/#site={SITE}&user=anna&category=toys&min_price=3&exclude=i05")
    page.sees(f"{ITEMS}.length === 4")
    assert sorted(page.js(ITEMS)) == ["i03", "i07", "i09", "i11"]
    assert page.js("document.getElementById('more').open")
    assert page.js(text("filters-count")) == "2"
    page.js(fill(hide="seen", category=""))
    page.sees(f"{ITEMS}.includes('i04')")
    shown = page.js(ITEMS)
    assert not {"i01", "i02", "i03", "i05", "i10", "i11", "i12"} & set(shown)  # cheap, left out, seen or bought
    page.js(f"document.querySelector('{button(shown[1], 'Leave out')}').focus()")
    page.press("Enter")
    page.sees(f"!{ITEMS}.includes('{shown[1]}')")
    assert page.js("document.getElementsByName('exclude')[0].value") == f"i05, {shown[1]}"
    assert page.js("document.activeElement.closest('.card').dataset.item") == shown[2]
    assert page.js("document.activeElement.className") == "out"
    left = page.js(ITEMS)
    page.open(page.js("location.href"))
    page.sees(f"{ITEMS}.length === {len(left)}")
    assert page.js(ITEMS) == left
    page.js(click("#clear"))
    page.sees(f"{ITEMS}.length > {len(left)}")
    assert "i01" in page.js(ITEMS)
    assert page.js(text("filters-count")) == ""


def test_what_is_refused_is_said_by_its_name_and_mended(visited):
    page, _, _ = visited
    page.js(fill(min_price="9", max_price="3"))
    page.sees("!document.getElementById('trouble').hidden")
    assert "max_price" in page.js(text("trouble"))
    page.js(click("#clear"))
    page.sees(f"{ITEMS}.length === 11")
    assert page.js("document.getElementById('trouble').hidden")
    page.complaints.clear()  # the browser tells of the refused request


def test_whoever_cannot_see_is_told_what_everything_is(visited):
    page, _, _ = visited
    page.js("document.getElementById('more').open = true")
    page.js(click(button("i01", "View")))
    page.sees(f"{FOLLOWS}.length")
    nodes = page.do("Accessibility.getFullAXTree")["nodes"]
    operated = [node for node in nodes if not node["ignored"] and node["role"]["value"] in OPERATED]
    assert {node["role"]["value"] for node in operated} >= {"button", "combobox", "textbox", "spinbutton", "meter"}
    assert [node for node in operated if not node["name"]["value"].strip()] == []
    page.open(page.js("location.href"))
    page.sees(f"{ITEMS}.length === 11")
    page.press("Tab")
    assert page.js("document.activeElement.className") == "skip"
    page.press("Enter")
    page.sees("document.activeElement.id === 'slate'")


def test_pages_turn(without_release, tmp_path):
    counts = write_small_release(tmp_path / "release")
    file = tmp_path / "release" / "items.parquet"
    items = pl.read_parquet(file)
    more = [items, *(items.with_columns(pl.lit(letter).add(pl.col(c.ITEM_ID)).alias(c.ITEM_ID)) for letter in "ab")]
    pl.concat(more).write_parquet(file)
    publish_release(without_release, "large", tmp_path / "release", {**counts, "items.parquet": 3 * len(items)})
    with (
        running(without_release, create_app(as_web(without_release))) as service,
        tab(f"{service.base_url}/#site={SITE}&user=anna", tmp_path / "browser") as page,
    ):
        seen = []
        for first, last in ((1, 12), (13, 24)):
            page.sees(f"{text('where')} === '{first} to {last}'")
            seen += page.js(ITEMS)
            assert page.js("document.getElementById('previous').disabled") == (first == 1)
            page.js("document.getElementById('next').focus()")
            page.press("Enter")
        page.sees("document.getElementById('next').disabled")
        assert page.js("document.activeElement.id") == "slate"
        seen += page.js(ITEMS)
        assert len(set(seen)) == len(seen) == 33  # of 36; the others are not available
        page.js(click("#previous"))
        page.sees(f"{text('where')} === '13 to 24'")
        assert page.js(ITEMS) == seen[12:24]
        page.js(click(button(seen[12], "View")))
        page.sees(f"{text('where')} === '1 to 12' && document.querySelectorAll('#follows li').length")
        assert "No session model is live" in page.js(text("follows-note"))
        assert page.js("document.getElementById('intent-panel').hidden")  # nor was a model asked that is not there
        assert page.complaints == []
