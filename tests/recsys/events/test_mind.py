"""MIND: impressions with their clicks, news as they are known."""

import gzip
import json
import os
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.raw import whole
from recsys.events.sources.mind import Mind, MindParams
from recsys.events.sources.source import Surroundings
from recsys.events.validation import Rules, check

REAL_DATA = Path(os.environ.get("RECSYS_REAL_DATA") or Path(__file__).parents[4] / "shared" / "data") / "mind_5k"
DAY = datetime(2019, 11, 12, tzinfo=UTC), datetime(2019, 11, 13, tzinfo=UTC)
RULES = Rules(("click",), date(2019, 1, 1), date(2020, 1, 1))
FIRST = "1\tU1\t11/12/2019 2:14:46 PM\tN9 N8\tN1-0 N2-1 N3-1\n"
NEWS = 'N1\tsports\tgolf\tA "quoted title\tWhat happened.\thttps://example.org/1\t[{"Label": "Golf"}]\t[]\n'


def opened(folder):
    return Mind(MindParams(path=str(folder)), Surroundings())


def published(folder, behaviors=FIRST, news=NEWS):
    (folder / "behaviors.tsv").write_bytes(behaviors.encode() if isinstance(behaviors, str) else behaviors)
    (folder / "news.tsv").write_text(news, encoding="utf-8")
    return opened(folder)


def aside(batch):
    return Counter(check(batch, RULES).aside[c.REASON].to_list())


def test_a_line_is_an_impression_and_its_clicks(tmp_path):
    batch = whole(published(tmp_path).read(*DAY))
    shown, first, second = batch.rows.to_dicts()
    assert shown[c.ITEMS] == ["N1", "N2", "N3"]
    assert (shown[c.EVENT_ID], shown[c.REQUEST_ID], shown[c.ITEM_ID], shown[c.EVENT_TYPE]) == ("1", "1", None, None)
    assert [(each[c.EVENT_ID], each[c.ITEM_ID], each[c.REQUEST_ID]) for each in (first, second)] == [
        ("1/N2", "N2", "1"),
        ("1/N3", "N3", "1"),
    ]
    assert {each[c.TIMESTAMP] for each in (shown, first, second)} == {datetime(2019, 11, 12, 14, 14, 46, tzinfo=UTC)}
    assert {each[c.SOURCE_LINE] for each in (shown, first, second)} == {1}
    assert batch.originals["history"].to_list() == ["N9 N8"] * 3
    assert [(file.name, file.rows) for file in batch.files] == [("behaviors.tsv", 3), ("news.tsv", 0)]


def test_midnight_is_twelve_in_the_morning(tmp_path):
    behaviors = "1\tU1\t11/12/2019 12:00:01 AM\t\tN1-1\n2\tU1\t11/12/2019 12:00:01 PM\t\tN1-1\n"
    rows = whole(published(tmp_path, behaviors).read(*DAY)).rows
    assert [each.hour for each in rows[c.TIMESTAMP]] == [0, 0, 12, 12]


def test_lines_that_do_not_say_what_was_clicked_are_set_aside_whole(tmp_path):
    behaviors = FIRST + (
        "2\tU1\t11/12/2019 2:15:00 PM\tN9\tN1 N2\n"  # the published test set
        "3\tU1\t11/12/2019 2:15:00 PM\tN9\tN1-1 N2\n"
        "4\tU1\t11/12/2019 2:15:00 PM\tN9\tN1-1 N2-2\n"
        "5\tU1\t11/12/2019 2:15:00 PM\tN9\t\n"
        "6\tU1\t13/12/2019 2:15:00 PM\tN9\tN1-0\n"
        "7\t\t11/12/2019 2:15:00 PM\tN9\tN1-0\n"
        "8\tU1\t11/12/2019 2:15:00 PM\tN9\n"
        "9\tU1\t11/12/1919 2:15:00 PM\tN9\tN1-0\n"
    )
    batch = whole(published(tmp_path, behaviors).read(*DAY))
    assert aside(batch) == {
        "missing_click_flag": 3,
        "bad_items": 1,
        "bad_timestamp": 1,
        "bad_user_id": 1,
        "wrong_number_of_columns": 1,
        "absurd_timestamp": 1,
    }
    assert batch.rows.height == batch.files[0].rows == 3 + 8


def test_a_span_gives_its_own_rows_and_those_without_a_time(tmp_path):
    behaviors = FIRST + "2\tU1\t11/14/2019 9:00:00 AM\t\tN1-1\n3\tU1\tsoon\t\tN1-1\n"
    source = published(tmp_path, behaviors)
    assert (source.days().first, source.days().last) == (date(2019, 11, 12), date(2019, 11, 14))
    assert whole(source.read(*DAY)).rows[c.EVENT_ID].to_list() == ["1", "1/N2", "1/N3", "3", "3/N1"]


def test_news_are_known_from_the_first_day_on(tmp_path):
    source = published(tmp_path)
    (news,) = whole(source.read(*DAY)).item_updates.to_dicts()
    assert (news[c.ITEM_ID], news[c.TIMESTAMP], news[c.CATEGORY]) == ("N1", DAY[0], "sports")
    assert (news[c.TITLE], news[c.TEXT], news[c.LANGUAGE]) == ('A "quoted title', "What happened.", "en")
    assert json.loads(news[c.ATTRIBUTES]) == {
        "subcategory": "golf",
        "url": "https://example.org/1",
        "title_entities": [{"Label": "Golf"}],
    }
    assert (news[c.PUBLISHED_AT], news[c.PRICE], news[c.AVAILABLE]) == (None, None, None)
    assert whole(source.read(DAY[1], datetime(2019, 12, 1, tzinfo=UTC))).item_updates.is_empty()


def test_news_without_an_id_are_set_aside_and_broken_entities_left_out(tmp_path):
    news = "\tsports\tgolf\tTitle\tText\turl\t[]\t[]\nN2\tsports\tgolf\tTitle\t\turl\t[broken\t[NaN]\nN3\ttoo\tfew\n"
    batch = whole(published(tmp_path, news=news).read(*DAY))
    assert aside(batch) == {"missing_item_id": 1, "wrong_number_of_columns": 1}
    assert batch.files[1].rows == 2
    (known,) = batch.item_updates.to_dicts()
    assert (known[c.TEXT], json.loads(known[c.ATTRIBUTES])) == (None, {"subcategory": "golf", "url": "url"})


def test_files_may_be_compressed_but_not_cut_off(tmp_path):
    source = published(tmp_path)
    rows = whole(source.read(*DAY)).rows
    packed = gzip.compress((tmp_path / "behaviors.tsv").read_bytes())
    (tmp_path / "behaviors.tsv").rename(tmp_path / "kept")
    (tmp_path / "behaviors.tsv.gz").write_bytes(packed)
    again = opened(tmp_path)
    assert whole(again.read(*DAY)).rows.drop(c.SOURCE_FILE).equals(rows.drop(c.SOURCE_FILE))
    (tmp_path / "behaviors.tsv.gz").write_bytes(packed[:-12])
    with pytest.raises(SourceError, match=r"behaviors\.tsv\.gz: found broken data"):
        opened(tmp_path).days()


def test_a_folder_without_its_files_or_with_two_of_them_is_refused(tmp_path):
    with pytest.raises(SourceError, match="found no file"):
        opened(tmp_path).days()
    source = published(tmp_path)
    (tmp_path / "behaviors.tsv.old").write_text("")
    with pytest.raises(SourceError, match=r"expected one of them"):
        source.days()


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason=f"no {REAL_DATA}; set RECSYS_REAL_DATA")
def test_the_published_files():
    source = opened(REAL_DATA)
    batch = whole(source.read(datetime(2019, 11, 1, tzinfo=UTC), datetime(2019, 12, 1, tzinfo=UTC)))
    shown = batch.rows.filter(pl.col(c.ITEMS).is_not_null())
    assert (shown.height, shown[c.ITEMS].list.len().sum(), batch.rows.height - shown.height) == (5_000, 189_359, 7_542)
    assert aside(batch) == {}
    assert batch.item_updates[c.ITEM_ID].n_unique() == batch.item_updates.height == 2_000
