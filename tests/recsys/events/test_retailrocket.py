import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.sources.registry import open_source
from recsys.events.sources.retailrocket_categories import read_categories
from recsys.events.sources.source import Surroundings
from recsys.sites.config import ComponentSpec, QualityPolicy
from recsys.testing.sources import read_days

REAL_DATA = Path(os.environ.get("RECSYS_REAL_DATA") or Path(__file__).parents[4] / "shared" / "data") / "retailrocket"
DAY = date(2015, 6, 2)
NOON = datetime(2015, 6, 2, 12, tzinfo=UTC)
SECONDS = int(NOON.timestamp())
COLLAPSED = "timestamp,visitor,event,item"
PUBLISHED = "timestamp,visitorid,event,itemid,transactionid"
PROPERTIES = "timestamp,itemid,property,value"


@pytest.fixture
def source(tmp_path):
    def write(*lines: str, properties: tuple[str, ...] = (), tree: tuple[str, ...] = ()):
        (tmp_path / "events.csv").write_text("\n".join(lines) + "\n")
        if properties:
            (tmp_path / "item_properties_part1.csv").write_text("\n".join(properties) + "\n")
        if tree:
            (tmp_path / "category_tree.csv").write_text("\n".join(("categoryid,parentid", *tree)) + "\n")
        quality = QualityPolicy(earliest="2015-01-01", latest="2016-01-01")
        return open_source(ComponentSpec(kind="retailrocket", params={"path": tmp_path}), Surroundings(quality=quality))

    return write


@pytest.mark.parametrize(
    "lines",
    [
        (COLLAPSED, f"{SECONDS},1,addtocart,7"),
        (PUBLISHED, f"{SECONDS}000,1,addtocart,7,"),
        (f"{PUBLISHED},datetime", f"{SECONDS}000,1,addtocart,7,,2015-06-02 12:00:00.000"),
    ],
)
def test_each_published_form_tells_the_same_event(source, lines):
    (row,) = read_days(source(*lines), DAY).rows.rows(named=True)
    assert (row[c.USER_ID], row[c.ITEM_ID], row[c.EVENT_TYPE], row[c.TIMESTAMP]) == ("1", "7", "cart", NOON)
    assert row[c.REASON] is None


def test_milliseconds_are_kept(source):
    rows = read_days(source(PUBLISHED, f"{SECONDS}123,1,view,7,"), DAY).rows
    assert rows[c.TIMESTAMP].item() == NOON.replace(microsecond=123_000)


def test_events_are_named_as_the_site_names_them_and_unknown_ones_are_left_to_it(source):
    events = ("view", "addtocart", "transaction", "gaze")
    rows = read_days(source(COLLAPSED, *(f"{SECONDS},1,{event},7" for event in events)), DAY).rows
    assert rows[c.EVENT_TYPE].to_list() == ["view", "cart", "purchase", "gaze"]


def test_rows_that_agree_in_everything_have_one_event_id(source):
    rows = read_days(
        source(
            PUBLISHED,
            f"{SECONDS}000,1,transaction,7,10",
            f"{SECONDS}000,1,transaction,7,10",
            f"{SECONDS}000,1,transaction,7,11",
            f"{SECONDS}001,1,transaction,7,10",
        ),
        DAY,
    ).rows
    assert rows[c.EVENT_ID].n_unique() == 3


@pytest.mark.parametrize("moment", ["", "soon", "-1", "99999999999999999999", "9" * 18, "1e9", f"{SECONDS}000"])
def test_a_row_without_a_sane_time_comes_with_every_day(source, moment):
    found = read_days(
        source(COLLAPSED, f"{moment},1,view,7", f"{SECONDS},1,view,7", f"{SECONDS + 86400},1,view,7"), DAY
    )
    assert found.rows[c.SOURCE_LINE].to_list() == [2, 3]
    assert source(COLLAPSED, f"{moment},1,view,7", f"{SECONDS},1,view,7").days().last == DAY


def test_lines_that_are_no_rows_come_with_every_day(source):
    rows = read_days(source(COLLAPSED, "1,2", f"{SECONDS},1,view,7"), date(2015, 7, 1)).rows
    assert rows.select(c.SOURCE_LINE, c.REASON).rows() == [(2, "wrong_number_of_columns")]


def test_properties_tell_category_and_availability_since_when(source):
    small = source(
        COLLAPSED,
        f"{SECONDS},1,view,7",
        properties=(
            PROPERTIES,
            f"{SECONDS}000,7,categoryid,1338",
            f"{SECONDS}000,7,790,n13.200",
            f"{SECONDS}500,7,available,0",
            f"{SECONDS + 86400}000,7,available,1",
        ),
    )
    batch = read_days(small, DAY)
    told = batch.item_updates.select(c.ITEM_ID, c.TIMESTAMP, c.CATEGORY, c.AVAILABLE).rows()
    assert told == [("7", NOON, "1338", None), ("7", NOON.replace(microsecond=500_000), None, False)]


def test_properties_that_tell_nothing_are_set_aside(source):
    bad = (
        "soon,7,available,1",
        f"{SECONDS}000,,categoryid,5",
        f"{SECONDS}000,7,available,perhaps",
        f"{SECONDS}000,7,categoryid",
    )
    batch = read_days(source(COLLAPSED, f"{SECONDS},1,view,7", properties=(PROPERTIES, *bad)), DAY)
    aside = batch.rows.filter(batch.rows[c.REASON] == "bad_item_property")
    assert aside[c.SOURCE_FILE].unique().to_list() == ["item_properties_part1.csv"]
    assert aside[c.SOURCE_LINE].to_list() == [2, 3, 4, 5]
    assert batch.item_updates.is_empty()


def test_a_category_comes_with_its_path_to_the_root(source):
    tree = ("5,3", "3,1", "1,", "20,21", "21,22", "22,20", "30,31")
    properties = [f"{SECONDS}000,{item},categoryid,{category}" for item, category in enumerate((5, 1, 20, 30, 99))]
    properties.append(f"{SECONDS}000,7,available,1")
    batch = read_days(source(COLLAPSED, f"{SECONDS},1,view,7", properties=(PROPERTIES, *properties), tree=tree), DAY)
    *known, available = batch.item_updates.select(c.CATEGORY, c.ATTRIBUTES).rows()
    assert {category: json.loads(attributes)["category_path"] for category, attributes in known} == {
        "5": ["5", "3", "1"],
        "1": ["1"],
        "20": ["20", "21", "22"],
        "30": ["30", "31"],
        "99": ["99"],
    }
    assert available == (None, None)


def test_lines_of_the_tree_that_tell_nothing_are_set_aside(source):
    tree = ("5,3", "5,3", "5,4", ",3", "6", "3,")
    batch = read_days(source(COLLAPSED, f"{SECONDS},1,view,7", tree=tree), DAY)
    aside = batch.rows.filter(pl.col(c.SOURCE_FILE) == "category_tree.csv").sort(c.SOURCE_LINE)
    assert aside.select(c.SOURCE_LINE, c.REASON).rows() == [
        (4, "bad_category"),
        (5, "bad_category"),
        (6, "wrong_number_of_columns"),
    ]
    assert [file.rows for file in batch.files if file.name == "category_tree.csv"] == [3]


def test_a_missing_folder_or_file_another_header_or_no_sane_row_is_refused(source, tmp_path):
    with pytest.raises(SourceError, match=r"found no folder .*none"):
        open_source(ComponentSpec(kind="retailrocket", params={"path": tmp_path / "none"})).days()
    with pytest.raises(SourceError, match=r"cannot read .*events\.csv"):
        open_source(ComponentSpec(kind="retailrocket", params={"path": tmp_path})).days()
    with pytest.raises(SourceError, match="found the header 'time,user'"):
        source("time,user", "1,2").days()
    with pytest.raises(SourceError, match="no row with a time from 2015-01-01 until 2016-01-01"):
        source(COLLAPSED, "1,2,view,3").days()
    with pytest.raises(SourceError, match=r"item_properties_part1.csv: found the header 'a,b'"):
        read_days(source(COLLAPSED, f"{SECONDS},1,view,7", properties=("a,b",)), DAY)


def test_a_tree_with_another_header_is_refused(tmp_path):
    (tmp_path / "category_tree.csv").write_text("id,parent\n1,2\n")
    with pytest.raises(SourceError, match=r"category_tree\.csv: found the header"):
        read_categories(tmp_path)


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason=f"no {REAL_DATA}; set RECSYS_REAL_DATA")
def test_the_published_tree():
    """1,669 categories, of which 25 are roots; each path ends at a root."""
    paths, bad, (file,) = read_categories(REAL_DATA)
    assert (len(paths), bad.height, file.rows) == (1_669, 0, 0)
    assert len({path[-1] for path in paths.values()}) == sum(len(path) == 1 for path in paths.values()) == 25
