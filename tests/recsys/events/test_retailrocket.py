from datetime import UTC, date, datetime

import pytest

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.sources.registry import open_source
from recsys.events.sources.source import Surroundings
from recsys.sites.config import ComponentSpec, QualityPolicy
from recsys.testing.sources import read_days

DAY = date(2015, 6, 2)
NOON = datetime(2015, 6, 2, 12, tzinfo=UTC)
SECONDS = int(NOON.timestamp())
COLLAPSED = "timestamp,visitor,event,item"
PUBLISHED = "timestamp,visitorid,event,itemid,transactionid"
PROPERTIES = "timestamp,itemid,property,value"


@pytest.fixture
def source(tmp_path):
    def write(*lines: str, properties: tuple[str, ...] = ()):
        (tmp_path / "events.csv").write_text("\n".join(lines) + "\n")
        if properties:
            (tmp_path / "item_properties_part1.csv").write_text("\n".join(properties) + "\n")
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
