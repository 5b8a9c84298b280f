"""Coveo's data challenge: what shoppers did, what a search showed, what is known of the products."""

import json
from collections import Counter
from datetime import UTC, date, datetime

import polars as pl
import pytest

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.raw import whole
from recsys.events.sources.coveo import Coveo, CoveoParams
from recsys.events.sources.source import Surroundings
from recsys.events.validation import Rules, check
from recsys.sites.config import QualityPolicy

RULES = Rules(("view", "cart", "purchase", "remove", "click"), date(2019, 1, 1), date(2020, 1, 1))
DAY = datetime(2019, 2, 22, tzinfo=UTC), datetime(2019, 2, 23, tzinfo=UTC)
MS = 1_550_800_000_000  # 2019-02-22 01:46:40
BROWSING = "session_id_hash,event_type,product_action,product_sku_hash,server_timestamp_epoch_ms,hashed_url\n"
SEARCH = "session_id_hash,query_vector,clicked_skus_hash,product_skus_hash,server_timestamp_epoch_ms\n"
CONTENT = "product_sku_hash,description_vector,category_hash,image_vector,price_bucket\n"
DETAIL = f"s1,event_product,detail,a,{MS},url\n"


def published(folder, *, browsing=DETAIL, search="", content=""):
    (folder / "browsing_train.csv").write_text(BROWSING + browsing, encoding="utf-8")
    (folder / "search_train.csv").write_text(SEARCH + search, encoding="utf-8")
    (folder / "sku_to_content.csv").write_text(CONTENT + content, encoding="utf-8")
    quality = QualityPolicy(earliest="2019-01-01", latest="2020-01-01")
    return Coveo(CoveoParams(path=str(folder)), Surroundings(quality=quality))


def checked(source):
    """What is good of the day, and the reasons of the other rows."""
    batch = whole(source.read(*DAY))
    found = check(batch, RULES)
    return found.good, Counter(found.aside[c.REASON].to_list())


def test_actions_are_event_types_and_a_session_is_a_user(tmp_path):
    browsing = "".join(
        f"s1,event_product,{action},a,{MS + number},url\n"
        for number, action in enumerate(("detail", "add", "purchase", "remove", "click"))
    )
    good, aside = checked(published(tmp_path, browsing=browsing))
    assert aside == {}
    assert good[c.EVENT_TYPE].to_list() == ["view", "cart", "purchase", "remove", "click"]
    assert set(good.select(c.USER_ID, c.SESSION_ID, c.ITEM_ID).rows()) == {("s1", "s1", "a")}
    assert good[c.TIMESTAMP][0] == datetime(2019, 2, 22, 1, 46, 40, tzinfo=UTC)


def test_page_views_without_a_product_are_set_aside_for_that_alone(tmp_path):
    browsing = DETAIL + (
        f"s1,pageview,,,{MS},url\n"
        f"s1,event_product,detail,,{MS},url\n"
        f"s1,event_product,,a,{MS},url\n"
        f",event_product,detail,a,{MS},url\n"
        "s1,event_product,detail,a,soon,url\n"
        "s1,event_product,detail,a,1,url\n"
        f"s1,event_product,detail,a,{MS}\n"
    )
    good, aside = checked(published(tmp_path, browsing=browsing))
    assert good.height == 1
    assert aside == {
        "no_item": 1,
        "bad_item_id": 1,
        "unknown_event_type": 1,
        "bad_user_id": 1,
        "bad_timestamp": 1,
        "absurd_timestamp": 1,
        "wrong_number_of_columns": 1,
    }


def test_a_row_that_is_there_twice_has_one_event_id(tmp_path):
    browsing = DETAIL * 2 + DETAIL.replace(",a,", ",b,")
    good, _ = checked(published(tmp_path, browsing=browsing))
    assert (good.height, good[c.EVENT_ID].n_unique()) == (3, 2)


def test_a_search_is_an_impression_and_its_clicks(tmp_path):
    search = f"s1,\"[0.1, 0.2]\",\"['b', 'x']\",\"['a', 'b', 'c']\",{MS}\n"
    batch = whole(published(tmp_path, browsing=DETAIL, search=search).read(*DAY))
    shown, first, second = batch.rows.filter(pl.col(c.SOURCE_FILE) == "search_train.csv").to_dicts()
    assert (shown[c.ITEMS], shown[c.ITEM_ID], shown[c.USER_ID]) == (["a", "b", "c"], None, "s1")
    assert (first[c.ITEM_ID], second[c.ITEM_ID], first[c.EVENT_TYPE]) == ("b", "x", "click")
    assert shown[c.EVENT_ID] == shown[c.REQUEST_ID] == first[c.REQUEST_ID] == second[c.REQUEST_ID]
    assert {each[c.TIMESTAMP] for each in (shown, first, second)} == {datetime(2019, 2, 22, 1, 46, 40, tzinfo=UTC)}
    assert [(file.name, file.rows) for file in batch.files] == [
        ("browsing_train.csv", 1),
        ("search_train.csv", 3),
        ("sku_to_content.csv", 0),
    ]


def test_searches_that_found_nothing_or_cannot_be_read_are_set_aside(tmp_path):
    search = (
        f's1,"[0.1]",,,{MS}\n'
        f's1,"[0.1]",,"[]",{MS}\n'
        f's1,"[0.1]",,a b,{MS}\n'
        f's1,"[0.1]",b,"[\'a\']",{MS}\n'
        f"s1,\"[0.1]\",,\"['a'; 'b']\",{MS}\n"
    )
    good, aside = checked(published(tmp_path, search=search))
    assert good.height == 1
    assert aside == {"no_item": 1, "bad_items": 4}


def test_searches_of_one_moment_are_one_only_where_query_and_products_agree(tmp_path):
    one = f's1,"[0.1]",,"[\'a\']",{MS}\n'
    search = one * 2 + one.replace("0.1", "0.2") + one.replace("'a'", "'b'")
    good, _ = checked(published(tmp_path, search=search))
    assert good.filter(pl.col(c.ITEMS).is_not_null())[c.EVENT_ID].n_unique() == 3


def test_products_are_known_from_the_first_day_on(tmp_path):
    content = 'a,"[0.5, -1e-05]",root/branch/leaf,"[3.0]",7.0\nb,,,,\n,,root,,1.0\nc,[broken,root,,\n'
    source = published(tmp_path, content=content, search=f"s1,,,\"['a']\",{MS - 2 * 86_400_000}\n")
    first = datetime(2019, 2, 20, tzinfo=UTC)
    batch = whole(source.read(first, DAY[1]))
    a, b, broken = batch.item_updates.to_dicts()
    assert (a[c.ITEM_ID], a[c.TIMESTAMP], a[c.CATEGORY], a[c.PRICE]) == ("a", first, "leaf", None)
    assert json.loads(a[c.ATTRIBUTES]) == {
        "category_path": ["leaf", "branch", "root"],
        "price_bucket": 7,
        "description_vector": [0.5, -1e-05],
        "image_vector": [3.0],
    }
    assert (b[c.ITEM_ID], b[c.CATEGORY], b[c.ATTRIBUTES]) == ("b", None, None)
    assert (broken[c.ITEM_ID], json.loads(broken[c.ATTRIBUTES])) == ("c", {"category_path": ["root"]})
    assert batch.rows.filter(pl.col(c.SOURCE_FILE) == "sku_to_content.csv")[c.REASON].to_list() == ["missing_item_id"]
    assert whole(source.read(*DAY)).item_updates.is_empty()


def test_days_span_both_files_and_absurd_times_do_not_count(tmp_path):
    browsing = DETAIL + "s1,event_product,detail,a,1,url\n"
    source = published(tmp_path, browsing=browsing, search=f"s1,,,\"['a']\",{MS + 3 * 86_400_000}\n")
    assert (source.days().first, source.days().last) == (date(2019, 2, 22), date(2019, 2, 25))


def test_a_file_without_searches_is_fine_and_one_without_its_header_is_not(tmp_path):
    assert published(tmp_path).days().last == date(2019, 2, 22)
    source = published(tmp_path)
    (tmp_path / "search_train.csv").write_text("session,query\n")
    with pytest.raises(SourceError, match=r"search_train\.csv: found the header"):
        source.days()
