"""What may be asked of the items of an answer, and which page of it."""

import httpx
import pytest

from recsys.testing.small_release import SITE
from tests.web_service.conftest import until
from tests.web_service.test_recommendations import ask, ids, tell
from web_service.parameters import LISTS

ROUTES = ("recommendations", "popular", "session?items=i01", "items/i01/similar")


def found(client, route, **question):
    reply = client.get(httpx.URL(f"/v1/{SITE}/{route}").copy_merge_params(question))
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize("route", ROUTES)
def test_every_list_is_filtered_alike(shared, route):
    assert set(ids(found(shared, route, min_price=3, max_price=8, k=50))) <= {f"i0{n}" for n in range(3, 9)}
    assert set(ids(found(shared, route, only="i02,i07,i12", k=50))) == {"i02", "i07"}
    assert {"i02", "i07"}.isdisjoint(ids(found(shared, route, exclude="i02,i07", k=50)))
    assert {item["category"] for item in found(shared, route, category="books", k=50)["items"]} == {"books"}
    whole = found(shared, route, k=50)["items"]
    assert found(shared, route, offset=1, k=2)["items"] == whole[1:3]
    assert [item["position"] for item in whole[1:3]] == [2, 3]
    assert found(shared, route, offset=50)["items"] == []


def test_prices_are_bounds_that_belong_to_it(shared):
    assert sorted(ids(ask(shared, user_id="anna", min_price=4, max_price=6, k=50))) == ["i04", "i05", "i06"]
    assert ids(ask(shared, min_price=100)) == []


def test_an_empty_allow_list_allows_nothing(shared):
    assert ids(ask(shared, user_id="anna", only="")) == []
    reply = shared.post(f"/v1/{SITE}/recommendations", json={"user_id": "anna", "only": []})
    assert ids(reply.json()) == []


def test_what_is_seen_or_bought_is_hidden_where_that_is_asked(client, shop):
    file = shop.sites_dir / f"{SITE}.yaml"
    file.write_text(file.read_text() + "serving: {exclude_bought: false}\n")
    tell(client, "anna", "i06", "purchase")
    tell(client, "anna", "i07")
    until(lambda: "i06" in ids(ask(client, user_id="anna", k=50)))
    everything = set(ids(ask(client, user_id="anna", k=50)))
    assert everything - set(ids(ask(client, user_id="anna", k=50, hide="bought"))) == {"i10", "i06"}
    seen = everything - set(ids(ask(client, user_id="anna", k=50, hide="seen,bought", recent="i08")))
    assert seen == {"i10", "i06", "i11", "i03", "i07", "i08"}
    assert seen == everything - set(ids(ask(client, user_id="anna", k=50, hide="seen", recent="i08")))


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"min_price": 5, "max_price": 4}, "max_price"),
        ({"min_price": -1}, "min_price"),
        ({"max_price": "nan"}, "max_price"),
        ({"max_price": "inf"}, "max_price"),
        ({"offset": -1}, "offset"),
        ({"offset": 1001}, "offset"),
        ({"only": ",".join(f"i{n}" for n in range(1001))}, "only"),
        ({"exclude": ",".join(f"i{n}" for n in range(1001))}, "exclude"),
        ({"hide": "clicked"}, "hide[0]"),
        ({"hide": ["seen"] * 11}, "hide"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_field(shared, question, field):
    reply = shared.get(f"/v1/{SITE}/recommendations", params=question)
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, field)
    lists = {name: value.split(",") for name, value in question.items() if name in LISTS and isinstance(value, str)}
    reply = shared.post(f"/v1/{SITE}/recommendations", json=question | lists)
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, field)


def test_an_impression_of_a_later_page_says_where_it_began(serve, shop, rows):
    with serve(shop) as client:
        ask(client, user_id="anna", k=2, offset=2)
    assert rows("SELECT item_ids, first_position FROM recsys.impression") == [(["i03", "i04"], 3)]


def test_a_site_mixes_in_the_proportion_it_says(client, shop):
    tell(client, "anna", "i01")
    assert ids(ask(client, user_id="anna", k=4)) == ["i07", "i01", "i08", "i02"]
    file = shop.sites_dir / f"{SITE}.yaml"
    file.write_text(file.read_text() + "serving: {blend: {online: 1, offline: 3, popular: 1}}\n")
    until(lambda: ids(ask(client, user_id="anna", k=5)) == ["i01", "i07", "i02", "i10", "i03"])
