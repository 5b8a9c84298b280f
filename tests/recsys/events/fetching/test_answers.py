import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import ConfigError
from recsys.events.fetching.answers import read_answer
from recsys.events.fetching.outcomes import Fault, Refused
from recsys.events.fetching.params import ContentApiParams
from recsys.events.fetching.registry import open_content_api
from recsys.events.model import ItemProperties
from recsys.sites import ComponentSpec

PARAMS = {
    "url": "https://example.org/{item_id}",
    "fields": {
        "title": "headline",
        "category": "section.name",
        "price": "price",
        "available": "stock",
        "published_at": "date",
        "image": "images[0].url",
        "language": "lang",
        "text": "join(' ', body[].text)",
    },
}
GOOD = {
    "id": 7,
    "headline": "  A title ",
    "section": {"name": 12},
    "price": "9.50",
    "stock": True,
    "date": "2026-04-01T10:00:00+02:00",
    "images": [{"url": "https://example.org/7.png"}, {}],
    "lang": "de-AT",
    "body": [{"text": "One"}, {"text": "two."}],
}


def read(answer, item_id="7", **changed):
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return read_answer(content, item_id, ContentApiParams.model_validate(PARAMS | changed))


def fault_of(answer, item_id="7", **changed):
    found = read(answer, item_id, **changed)
    return found.fault if isinstance(found, Refused) else None


def test_every_property_has_its_place():
    assert read(GOOD) == ItemProperties(
        title="A title",
        category="12",
        price=9.5,
        available=True,
        published_at=datetime(2026, 4, 1, 8, tzinfo=UTC),
        image="https://example.org/7.png",
        language="de-AT",
        text="One two.",
    )


def test_what_is_not_there_is_not_told():
    bare = {"id": 7, "headline": "Only", "body": [], "images": [], "section": None, "lang": " "}
    assert read(bare).told == ("title",)


def test_attributes_are_kept_as_they_are():
    paths = {"by": "authors[].name", "pages": "pages", "none": "nothing"}
    assert read(GOOD | {"authors": [{"name": "Ö"}], "pages": 3}, attributes=paths).attributes == {
        "by": ["Ö"],
        "pages": 3,
    }


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"\xff\xfe{",
        b"[" * 100_000,
        b'"text"',
        b"7",
        b"null",
        GOOD | {"headline": ["a"]},
        GOOD | {"headline": "x" * 1001},
        GOOD | {"headline": "a\u0000b"},
        GOOD | {"price": "cheap"},
        GOOD | {"price": -1},
        GOOD | {"stock": "yes"},
        GOOD | {"date": "yesterday"},
        GOOD | {"date": "2026-04-01T10:00:00"},
        GOOD | {"date": "0001-01-01T00:00:00Z"},
        GOOD | {"images": [{"url": "javascript:1"}]},
        GOOD | {"body": [{"text": 1}]},
        {"id": 7},
    ],
)
def test_malformed(answer):
    assert fault_of(answer) is Fault.MALFORMED


@pytest.mark.parametrize("says", [None, "", {}, [7], True])
def test_no_id(says):
    assert fault_of(GOOD | {"id": says}) is Fault.NO_ID


def test_an_answer_that_says_no_id_may_be_believed():
    assert fault_of(GOOD | {"id": None}, id_path=None) is None


def test_an_answer_of_another_item_is_a_duplicate():
    found = read(GOOD, "old-7")
    assert (found.fault, found.detail) == (Fault.DUPLICATE, "is item 7")


@pytest.mark.parametrize(
    ("rule", "left_out"),
    [
        ({"property": "category", "one_of": ["11", "12"]}, True),
        ({"property": "category", "one_of": ["1"]}, False),
        ({"property": "title", "matches": "(?i)^a TITLE"}, True),
        ({"property": "title", "matches": "^title"}, False),
        ({"property": "available", "one_of": ["True"]}, True),
    ],
)
def test_excluded_by_rule(rule, left_out):
    assert fault_of(GOOD, exclude=[rule]) is (Fault.EXCLUDED_BY_RULE if left_out else None)


def test_a_rule_is_not_about_what_is_not_told():
    assert fault_of({"id": 7, "headline": "A"}, exclude=[{"property": "category", "matches": ""}]) is None


def test_no_publish_date_and_other_properties_that_are_required():
    assert fault_of(GOOD, require=["published_at", "title"]) is None
    assert fault_of(GOOD | {"date": None}, require=["published_at"]) is Fault.NO_PUBLISH_DATE
    assert fault_of(GOOD | {"headline": ""}, require=["published_at", "title"]) is Fault.MALFORMED
    assert fault_of(GOOD | {"date": None}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "name", "url"]), inner),
    max_leaves=12,
)


@given(JSON | st.fixed_dictionaries({"id": st.just("7")}, optional=dict.fromkeys(GOOD.keys() - {"id"}, JSON)))
def test_whatever_comes_is_an_outcome(answer):
    assert isinstance(read(json.dumps(answer).encode()), ItemProperties | Refused)


@given(st.binary(max_size=50))
def test_whatever_bytes_come_are_an_outcome(content):
    assert isinstance(read(content), Refused)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"url": "https://example.org/items"}, "{item_id}"),
        ({"url": "https://{item_id}.example.org/"}, "{item_id}"),
        ({"url": "ftp://example.org/{item_id}"}, "https://"),
        ({"url": "https://user:pass@example.org/{item_id}"}, "https://"),
        ({"fields": {}}, "fields"),
        ({"fields": {"colour": "c"}}, "colour"),
        ({"fields": {"title": "a..b"}}, "JMESPath"),
        ({"fields": {"title": "t"}, "require": ["published_at"]}, "published_at"),
        ({"exclude": [{"property": "title"}]}, "one_of"),
        ({"exclude": [{"property": "title", "matches": "("}]}, "regular expression"),
        ({"requests_per_second": 0}, "requests_per_second"),
        ({"headers": {"X-Key": "a\nb"}}, "headers"),
        ({"no_such": 1}, "no_such"),
    ],
)
def test_params_with_faults_are_refused_by_name(settings, changed, told):
    spec = ComponentSpec(kind="content_api", params=PARAMS | changed)
    with pytest.raises(ConfigError) as refused:
        open_content_api(spec, "shop", settings, clock=lambda: None, rng=None)
    assert told in str(refused.value)


def test_an_unknown_kind_is_refused(settings):
    with pytest.raises(ConfigError, match="found 'graph', expected one of: content_api"):
        open_content_api(ComponentSpec(kind="graph"), "shop", settings, clock=lambda: None, rng=None)


@pytest.mark.parametrize(
    "text",
    [
        "s3cret",
        "[]",
        '{"shop": "s3cret"}',
        '{"shop": {"A": "s3cret…"}}',
        '{"shop": {"A": "s3cret\\n"}}',
        '{"shop": {"A": 1}}',
        '"s3cret"',
    ],
)
def test_secret_headers_with_faults_are_refused_and_not_repeated(settings, text):
    changed = type(settings).model_validate(settings.model_dump() | {"recsys_fetch_headers": text})
    with pytest.raises(ConfigError, match="RECSYS_FETCH_HEADERS") as refused:
        open_content_api(ComponentSpec(kind="content_api", params=PARAMS), "shop", changed, clock=None, rng=None)
    assert "s3cret" not in str(refused.value)


def test_secret_headers_are_those_of_the_site(settings):
    text = '{"shop": {"Authorization": "Bearer x"}, "other": {"Authorization": "Bearer y"}}'
    changed = type(settings).model_validate(settings.model_dump() | {"recsys_fetch_headers": text})
    for site, headers in {"shop": {"Authorization": "Bearer x"}, "third": {}}.items():
        spec = ComponentSpec(kind="content_api", params=PARAMS)
        assert open_content_api(spec, site, changed, clock=lambda: None, rng=None).secret_headers == headers
