"""Pages of other origins ask from a browser only where the settings name them."""

import pytest

from recsys.testing.small_release import SITE

ASK = f"/v1/{SITE}/recommendations"
PAGE, STRANGER = "https://shop.example", "https://elsewhere.example"
EVENT = {"user_id": "anna", "item_id": "i01", "event_type": "view"}


def preflight(client, origin, method="POST"):
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return client.options(
        f"/v1/{SITE}/events", headers=headers | {"Access-Control-Request-Headers": "authorization,content-type"}
    )


@pytest.fixture
def page(shop, serve):
    with serve(shop.model_copy(update={"recsys_cors_origins": f"{PAGE} https://www.shop.example"})) as client:
        yield client


def test_a_page_that_the_settings_name_may_ask_and_tell(page):
    allowed = preflight(page, PAGE)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == PAGE
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
    answer = page.get(ASK, headers={"Origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
    assert page.post(f"/v1/{SITE}/events", json=EVENT, headers={"Origin": PAGE}).status_code == 202


def test_a_page_reads_what_is_wrong_too(page):
    for path in (f"{ASK}?k=0", "/v1/nowhere/popular", "/v1/nothing"):
        assert page.get(path, headers={"Origin": PAGE}).headers["access-control-allow-origin"] == PAGE


def test_a_page_may_not_erase_nor_a_stranger_ask(page):
    assert preflight(page, PAGE, "DELETE").status_code == 400
    assert preflight(page, STRANGER).status_code == 400
    assert "access-control-allow-origin" not in page.get(ASK, headers={"Origin": STRANGER}).headers
    assert page.post(f"/v1/{SITE}/events", json=EVENT, headers={"Origin": STRANGER}).status_code == 403


def test_by_default_no_page_may(client):
    assert "access-control-allow-origin" not in client.get(ASK, headers={"Origin": PAGE}).headers
    assert preflight(client, PAGE).status_code == 405
