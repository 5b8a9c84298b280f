import pytest

from recsys.testing.small_release import SITE, UNAVAILABLE
from tests.web_service.conftest import until

ASK = f"/v1/{SITE}/recommendations"
BOOKS = {"i02", "i04", "i06", "i08", "i10"}  # i12 is not available


def ask(client, **question):
    response = client.get(ASK, params=question)
    assert response.status_code == 200, response.text
    return response.json()


def ids(answer):
    return [item["item_id"] for item in answer["items"]]


def tell(client, user, item, event_type="view", **more):
    event = {"user_id": user, "item_id": item, "event_type": event_type, **more}
    assert client.post(f"/v1/{SITE}/events", json=event).status_code == 202


def test_an_answer_has_the_promised_shape(client):
    answer = ask(client, user_id="anna", k=2)
    assert {"request_id", "site", "user_id", "release_id", "arm", "items"} == answer.keys()
    assert (answer["site"], answer["user_id"], answer["release_id"], answer["arm"]) == (SITE, "anna", "first", "live")
    assert answer["items"] == [
        {"item_id": "i01", "position": 1, "score": pytest.approx(0.9), "source": "ranked:als", "because": ["i10"],
         "title": "Title of i01", "category": "toys", "price": 1.0},
        {"item_id": "i02", "position": 2, "score": pytest.approx(0.8), "source": "ranked:item_item",
         "because": ["i10", "i11"], "title": "Title of i02", "category": "books", "price": 2.0},
    ]  # fmt: skip


def test_the_ranked_slate_comes_first_and_what_is_popular_fills_up(client):
    answer = ask(client, user_id="anna", k=7)
    assert ids(answer) == ["i01", "i02", "i03", "i04", "i10", "i06", "i05"]
    assert [item["source"].partition(":")[0] for item in answer["items"]] == ["ranked"] * 4 + ["popular"] * 2 + [
        "catalogue"
    ]


@pytest.mark.parametrize("user", ["anna", "one_item", "nothing", "never seen", None])
@pytest.mark.parametrize("mode", ["blended", "offline", "online"])
def test_never_fewer_than_asked_while_the_catalogue_has_enough(client, user, mode):
    question = {"mode": mode} | ({"user_id": user} if user else {})
    for k in (1, 5, 11):
        found = ids(ask(client, k=k, **question))
        assert len(found) == len(set(found)) == k
        assert UNAVAILABLE not in found
    assert len(ids(ask(client, k=500, **question))) == 11


def test_an_event_changes_the_next_answer_and_says_because_of_what(client):
    before = ask(client, user_id="anna", k=4)
    tell(client, "anna", "i01")
    after = ask(client, user_id="anna", k=4)
    assert ids(before) == ["i01", "i02", "i03", "i04"]
    assert ids(after) == ["i07", "i01", "i08", "i02"]
    similar = after["items"][0]
    assert (similar["source"], similar["because"], similar["score"]) == ("similar", ["i01"], pytest.approx(0.9))


def test_a_heavier_and_a_newer_event_count_more(client):
    tell(client, "new", "i07", "cart", timestamp="2026-03-01T10:00:00Z")
    tell(client, "new", "i02", "view", timestamp="2026-03-01T10:00:00Z")
    first, second = ask(client, user_id="new", k=2)["items"]
    assert (first["item_id"], first["because"]) == ("i01", ["i07", "i02"])
    assert first["score"] == pytest.approx(3 * 0.9 + 0.3)
    assert (second["item_id"], second["score"]) == ("i08", pytest.approx(0.6))
    tell(client, "new", "i09", "view", timestamp="2026-03-01T10:30:00Z")
    halved = ask(client, user_id="new", k=2)["items"]
    assert halved[0]["score"] == pytest.approx((3 * 0.9 + 0.3) / 2)


def test_only_the_last_events_count(client):
    tell(client, "busy", "i01", timestamp="2026-03-01T10:00:00Z")
    for minute in range(1, 6):
        tell(client, "busy", "i10", timestamp=f"2026-03-01T10:0{minute}:00Z")
    assert all(item["source"] != "similar" for item in ask(client, user_id="busy", k=5)["items"])


def test_what_was_bought_is_never_shown_again(client):
    tell(client, "anna", "i02", "purchase")
    assert "i02" not in ids(ask(client, user_id="anna", k=500))
    assert {"i01", "i02"}.isdisjoint(ids(ask(client, user_id="bought_much", k=500)))


def test_a_site_may_show_again_what_was_bought(client, shop):
    file = shop.sites_dir / f"{SITE}.yaml"
    file.write_text(file.read_text() + "serving: {exclude_bought: false}\n")
    tell(client, "anna", "i02", "purchase")
    until(lambda: "i02" in ids(ask(client, user_id="anna", k=500)))


def test_what_the_request_names_is_left_out_or_counts_as_seen(client):
    assert {"i01", "i03"}.isdisjoint(ids(ask(client, user_id="anna", k=500, exclude="i01,i03")))
    by_recent = ask(client, user_id="anna", k=3, recent="i02,i01")
    assert ids(by_recent) == ["i08", "i01", "i07"]
    assert by_recent["items"][0]["because"] == ["i02", "i01"]
    assert ids(ask(client, recent="i01", k=1, mode="online")) == ["i07"]


def test_a_category_shows_its_items_only(client):
    assert set(ids(ask(client, user_id="anna", k=500, category="books"))) == BOOKS
    assert ids(ask(client, k=500, category="no such category")) == []


def test_modes(client):
    tell(client, "anna", "i01")
    assert ids(ask(client, user_id="anna", k=3, mode="offline")) == ["i01", "i02", "i03"]
    assert ids(ask(client, user_id="anna", k=3, mode="online")) == ["i07", "i08", "i02"]


def test_a_body_asks_the_same(client):
    question = {"user_id": "anna", "k": 5, "exclude": ["i01"], "recent": ["i02"]}
    by_body = client.post(ASK, json=question)
    by_query = client.get(ASK, params=question)
    assert by_body.status_code == 200
    assert by_body.json()["items"] == by_query.json()["items"]


def test_a_session_goes_on_without_repeating_itself(client):
    answer = client.get(f"/v1/{SITE}/session", params={"items": "i02,i01", "k": 500}).json()
    assert ids(answer)[:2] == ["i08", "i07"]
    assert {"i01", "i02"}.isdisjoint(ids(answer))
    assert answer["user_id"] is None


def test_a_session_may_repeat_itself_where_the_site_allows_it(client, shop):
    file = shop.sites_dir / f"{SITE}.yaml"
    file.write_text(file.read_text() + "serving: {session_repeats: true}\n")
    until(lambda: "i02" in ids(client.get(f"/v1/{SITE}/session", params={"items": "i02,i01", "k": 3}).json()))
    assert ids(client.get(f"/v1/{SITE}/session", params={"items": "i02,i01", "k": 3}).json()) == ["i08", "i07", "i02"]


def test_an_id_with_strange_characters_is_a_user_like_others(client):
    assert ids(ask(client, user_id="Ünï 😀 'quote\" \\ {} %00 ../..", k=3)) == ["i10", "i02", "i06"]


def test_the_live_release_answers_soon_after_its_move(client, publish):
    assert ids(ask(client, user_id="anna", k=1)) == ["i01"]
    publish("second")
    until(lambda: ask(client, user_id="anna", k=1)["release_id"] == "second")
    assert ids(ask(client, user_id="anna", k=1)) == ["i06"]


def test_what_was_shown_is_written_down(serve, shop, rows):
    with serve(shop) as client:
        answer = ask(client, user_id="anna", k=2)
    written = "SELECT user_id, release_id, arm, item_ids, sources, took_ms FROM recsys.impression WHERE request_id = %s"
    [(*shown, took_ms)] = rows(written, answer["request_id"])
    assert shown == ["anna", "first", "live", ["i01", "i02"], ["ranked:als", "ranked:item_item"]]
    assert 0 < took_ms < 5000


def test_similar_and_popular_items_are_written_down_as_what_they_are(serve, shop, rows):
    with serve(shop) as client:
        answers = {
            "similar": client.get(f"/v1/{SITE}/items/i01/similar", params={"k": 2}).json(),
            "popular": client.get(f"/v1/{SITE}/popular", params={"k": 1}).json(),
            "session": client.get(f"/v1/{SITE}/session", params={"items": "i01", "k": 1}).json(),
            "recommendations": ask(client, user_id="anna", k=1),
        }
        nothing = client.get(f"/v1/{SITE}/items/i03/similar").json()
    written = "SELECT request_id, surface, item_ids, arm FROM recsys.impression WHERE request_id = ANY (%s)"
    asked = [answer["request_id"] for answer in [*answers.values(), nothing]]
    found = {surface: (request, items, arm) for request, surface, items, arm in rows(written, asked)}
    assert found == {
        surface: (answer["request_id"], [item["item_id"] for item in answer["items"]], "live")
        for surface, answer in answers.items()
    }
    assert answers["similar"]["items"]
    assert nothing["items"] == []
