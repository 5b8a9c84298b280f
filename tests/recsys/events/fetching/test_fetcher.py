import threading
import time
from email.utils import formatdate

import pytest

from recsys.events.fetching.outcomes import FETCHED, Fault, Refused, as_frame
from recsys.events.model import ItemProperties
from tests.content_api import article

STRANGE = ["ä ö/ü?&=#%", "a b", "..a", "%2e%2e", 'quote"\\', "日本", "a+b", "http://elsewhere/x"]


def errors(found):
    return {item: (one.lasting, one.detail) for item, one in found.items() if isinstance(one, Refused)}


def test_what_is_told_is_read(fetch, api):
    found, _ = fetch("a", "b")
    assert found["b"] == ItemProperties(
        title="Title of b", category="news", published_at="2026-04-01T08:00:00Z", text=None, price=None
    )
    assert set(found) == {"a", "b"}
    assert sorted(api.asked) == ["a", "b"]


def test_every_id_reaches_the_api_as_it_is(fetch, api):
    found, _ = fetch(*STRANGE)
    assert sorted(api.asked) == sorted(STRANGE)
    assert errors(found) == {}


@pytest.mark.parametrize("item", [".", "..", "..."])
def test_an_id_that_would_lead_up_the_path_is_not_asked_for(fetch, api, item):
    found, _ = fetch(item)
    assert found[item].fault is Fault.FETCH_ERROR
    assert api.asked == []


def test_an_id_that_is_too_long_for_an_address_costs_nobody_else_anything(fetch):
    long = "x" * 1_000_000
    found, _ = fetch(long, "a")
    assert [lasting for lasting, _ in errors(found).values()] == [True]
    assert isinstance(found["a"], ItemProperties)


def test_headers_are_sent_and_secret_ones_too(fetch, api):
    fetch("a", headers={"X-Site": "shop"}, secret_headers={"Authorization": "Bearer s3cret"})
    assert api.headers[0]["X-Site"] == "shop"
    assert api.headers[0]["Authorization"] == "Bearer s3cret"
    assert api.headers[0]["Accept"] == "application/json"


def test_the_rate_holds_from_the_first_request_on_repeated_ones_included(fetch, api):
    api.says_of("i3", 503, article("i3"))
    started = time.monotonic()
    fetch(*(f"i{n}" for n in range(20)), requests_per_second=40.0, concurrency=20)
    assert len(api.asked) == 21
    assert all(seconds - started >= n / 40 for n, seconds in enumerate(sorted(api.seconds)))


def test_no_more_are_under_way_than_allowed(fetch, api):
    three = threading.Barrier(3)
    for n in range(30):
        api.says_of(f"i{n}", lambda n=n: (three.wait(60), article(f"i{n}"))[1])
    fetch(*(f"i{n}" for n in range(30)), concurrency=3, timeout_seconds=60, total_timeout_seconds=60)
    assert api.most_at_once == 3


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again_with_growing_pauses(fetch, api, status):
    api.says_of("a", status, status, article("a"))
    found, _ = fetch("a", back_off_seconds=0.1)
    assert errors(found) == {}
    first, second = (later - before for before, later in zip(api.seconds, api.seconds[1:], strict=False))
    assert first >= 0.05  # a busy machine is late; it is never early
    assert second >= 0.1


def test_after_the_last_attempt_it_is_an_error_that_may_pass(fetch, api):
    api.says_of("a", 503)
    found, _ = fetch("a", attempts=3)
    assert errors(found) == {"a": (False, "status 503, 3 times")}
    assert api.asked == ["a"] * 3


@pytest.mark.parametrize(
    ("status", "lasting"), [(404, True), (410, True), (400, True), (204, True), (401, False), (403, False)]
)
def test_a_plain_no_is_not_asked_again(fetch, api, status, lasting):
    api.says_of("a", status)
    assert errors(fetch("a")[0]) == {"a": (lasting, f"status {status}")}
    assert len(api.asked) == 1


def test_a_slow_answer_is_given_up_and_asked_for_again(fetch, api):
    api.says_of("a", lambda: (time.sleep(0.5), article("a"))[1], article("a"))
    assert errors(fetch("a", timeout_seconds=0.1, total_timeout_seconds=60, attempts=9)[0]) == {}
    assert len(api.asked) > 1
    api.says_of("b", lambda: (time.sleep(0.5), article("b"))[1])
    assert errors(fetch("b", timeout_seconds=0.1, attempts=2)[0]) == {"b": (False, "no answer within 0.1 s, 2 times")}


def test_an_answer_that_drips_is_slow_too(fetch, api):
    api.says_of("a", (200, {"Content-Length": "10"}, b"{"))
    found, _ = fetch("a", timeout_seconds=0.1, attempts=1)
    assert errors(found) == {"a": (False, "no answer within 0.1 s, 1 times")}


def test_one_item_has_so_much_time_in_all(fetch, api):
    api.says_of("a", lambda: (time.sleep(0.15), 503)[1])
    found, _ = fetch("a", total_timeout_seconds=0.4, attempts=20)
    assert errors(found) == {"a": (False, "no answer within 0.4 s in all")}
    assert len(api.asked) < 20


def test_nobody_asks_while_the_api_wants_to_be_left_alone(fetch, api):
    api.says_of("a", (429, {"Retry-After": "1"}), article("a"))
    items = [f"i{n}" for n in range(40)]
    started = time.monotonic()
    found, _ = fetch("a", *items, requests_per_second=50.0)
    assert errors(found) == {}
    assert len(api.asked) == 42
    assert max(api.seconds) - started >= 1 + 40 / 50  # 42 turns, and a second without any


def test_retry_after_may_be_a_time(fetch, api):
    now = time.time()
    headers = {"Date": formatdate(now, usegmt=True), "Retry-After": formatdate(now + 1, usegmt=True)}
    api.says_of("a", (503, headers), article("a"))
    fetch("a")
    assert api.seconds[1] - api.seconds[0] >= 0.95


@pytest.mark.parametrize("asked", ["soon", "", "-5", "1e9", "Wed, 21 Oct 2015 07:28:00"])
def test_a_retry_after_that_is_no_time_is_not_heeded(fetch, api, asked):
    api.says_of("a", (429, {"Retry-After": asked}), article("a"))
    assert errors(fetch("a")[0]) == {}


def test_who_wants_a_long_pause_gets_it_and_the_rest_is_left(fetch, api):
    api.says_of("i5", (429, {"Retry-After": "3600"}))
    found, fetcher = fetch(*(f"i{n}" for n in range(50)), concurrency=1)
    assert set(found) == {f"i{n}" for n in range(5)}
    assert fetcher.stopped == "the API asks to be left alone for 3,600 seconds"
    assert not fetcher.gave_up
    assert len(api.asked) == 6
    assert fetch("i9", fetcher=fetcher)[0] == {}


def test_a_run_gives_up_when_the_api_is_away(fetch, api):
    for n in range(2, 50):
        api.says_of(f"i{n}", 503)
    found, fetcher = fetch(*(f"i{n}" for n in range(50)), attempts=1, give_up_after=5, concurrency=2)
    assert fetcher.gave_up
    assert fetcher.stopped.startswith("5 items in a row could not be fetched")
    assert 7 <= len(found) <= 12  # an answer that comes late begins the count again


def test_faults_that_last_are_no_sign_that_the_api_is_away(fetch, api):
    for n in range(30):
        api.says_of(f"i{n}", 404)
    found, fetcher = fetch(*(f"i{n}" for n in range(30)), give_up_after=5)
    assert (len(found), fetcher.stopped) == (30, None)


def test_no_server_is_an_error_that_may_pass(fetch):
    found, _ = fetch("a", url="http://127.0.0.1:9/{item_id}", attempts=2)
    [(lasting, detail)] = errors(found).values()
    assert not lasting
    assert detail.startswith("ConnectError")


def test_an_answer_that_is_too_large_is_not_read_to_its_end(fetch, api):
    api.says_of("a", article("a", body="x" * 100_000))
    api.says_of("b", article("b", body="x" * 1000))
    found, _ = fetch("a", "b", max_bytes=50_000)
    assert errors(found) == {"a": (True, "more than 50,000 bytes")}


def test_a_redirect_on_the_spot_is_followed_and_no_other(fetch, api):
    there = threading.Event()
    api.says_of("a", (301, {"Location": "/items/b"}))
    api.says_of("b", article("a"))
    elsewhere = api.url.replace("127.0.0.1", "localhost")
    for item, target in {"h": f"{elsewhere}/items/x", "p": "http://127.0.0.1:9/x", "f": "file:///etc/passwd"}.items():
        api.says_of(item, (302, {"Location": target}))
    api.says_of("x", lambda: there.set())
    api.says_of("loop", (302, {"Location": "/items/loop"}))
    found, _ = fetch("a", "h", "p", "f", "loop", secret_headers={"Authorization": "Bearer s3cret"})
    assert isinstance(found["a"], ItemProperties)
    refused = errors(found)
    assert refused["h"] == (True, "status 302 leads to http://localhost, another place")
    assert refused["p"] == (True, "status 302 leads to http://127.0.0.1, another place")
    assert refused["f"] == (True, "status 302 leads to file://, another place")
    assert refused["loop"] == (True, "more than 3 redirects")
    assert not there.is_set()


def test_outcomes_are_rows_with_the_time_of_their_answer(fetch, api):
    api.says_of("gone", 404)
    api.says_of("ad", article("ad", section={"name": "ads"}))
    rule = {"property": "category", "one_of": ["ads"]}
    _, fetcher = fetch(exclude=[rule], attributes={"by": "author"})
    api.says_of("good", article("good", author={"name": "Ö", "id": 7}))
    before = fetcher.clock()
    frame = as_frame(fetcher.fetch(["good", "gone", "ad"]))
    assert frame.schema == FETCHED
    ad, gone, good = frame.to_dicts()
    assert (ad["reason"], ad["available"], ad["title"]) == ("excluded_by_rule", False, None)
    assert good["detail"] is None
    assert (good["reason"], good["attributes"]) == (None, '{"by":{"id":7,"name":"Ö"}}')
    assert (gone["reason"], gone["lasting"], gone["detail"]) == ("fetch_error", True, "status 404")
    assert before <= min(row["timestamp"] for row in (ad, good, gone)) <= fetcher.clock()
