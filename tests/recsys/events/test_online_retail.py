from datetime import UTC, date, datetime

import pytest

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.raw import Filing, whole
from recsys.events.sources.registry import open_source
from recsys.sites.config import ComponentSpec
from recsys.testing.sources import read_days

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
DAY = date(2010, 12, 1)
LINE = {
    "invoice": "536365",
    "code": "85123A",
    "description": " HEART HOLDER ",
    "quantity": "6",
    "time": "2010-12-01 08:26:00",
    "price": "2.55",
    "customer": "17850.0",
}


def line(**changes: str) -> str:
    return ",".join((LINE | changes).values()) + ",United Kingdom"


@pytest.fixture
def read(tmp_path):
    def write_and_read(*lines: str):
        (tmp_path / f"{DAY}.csv").write_text("\n".join([HEADER, *lines]) + "\n")
        return read_days(open_source(ComponentSpec(kind="online_retail", params={"path": tmp_path})), DAY)

    return write_and_read


def test_a_line_is_a_purchase(read):
    batch = read(line())
    row = batch.rows.row(0, named=True)
    assert {name: row[name] for name in (c.USER_ID, c.ITEM_ID, c.EVENT_TYPE, c.VALUE, c.SESSION_ID, c.REASON)} == {
        c.USER_ID: "17850",
        c.ITEM_ID: "85123A",
        c.EVENT_TYPE: "purchase",
        c.VALUE: 15.3,
        c.SESSION_ID: "536365",
        c.REASON: None,
    }
    assert row[c.TIMESTAMP] == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert batch.originals["StockCode"].to_list() == ["85123A"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"invoice": "C536365", "quantity": "-6", "customer": ""}, "cancellation"),
        ({"invoice": ""}, "missing_invoice"),
        *[({"code": code}, "non_product_code") for code in ("POST", "M", "C2", "gift_0001_20", "DCGS0076", "1234", "")],
        ({"quantity": "-1"}, "non_positive_quantity"),
        ({"quantity": "0"}, "non_positive_quantity"),
        ({"quantity": "six"}, "bad_quantity"),
        ({"price": "0.0"}, "non_positive_price"),
        ({"price": "-11062.06"}, "non_positive_price"),
        ({"price": "free"}, "bad_price"),
        ({"customer": ""}, "missing_customer"),
    ],
)
def test_a_line_that_is_no_purchase_says_why(read, changes, reason):
    assert read(line(), line(**changes)).rows[c.REASON].to_list() == [None, reason]


@pytest.mark.parametrize("moment", ["yesterday", "", "2010-13-01 08:26:00", "01/12/2010 08:26"])
def test_a_time_that_cannot_be_read_is_null_and_the_day_is_the_files(read, moment):
    batch = read(line(time=moment))
    assert batch.rows[c.TIMESTAMP].to_list() == [None]
    assert batch.filing == Filing.on(DAY)


def test_repeated_lines_have_one_event_id_and_others_their_own(read):
    rows = read(line(), line(), line(quantity="7"), line(time="2010-12-01 08:27:00"), line(invoice="536366")).rows
    assert rows[c.EVENT_ID].n_unique() == 4
    assert rows[c.EVENT_ID][0] == rows[c.EVENT_ID][1]


def test_the_catalogue_learns_from_sold_products_when_something_changed(read):
    updates = read(
        line(),
        line(time="2010-12-01 09:00:00"),
        line(time="2010-12-01 10:00:00", price="2.95", customer=""),
        line(time="2010-12-01 11:00:00", description="damaged", price="0"),
        line(time="2010-12-01 12:00:00", code="POST", description="POSTAGE"),
        line(time="2010-12-02 12:00:00", price="1.00"),
    ).item_updates
    assert updates.select(c.ITEM_ID, c.TITLE, c.PRICE).rows() == [
        ("85123A", "HEART HOLDER", 2.55),
        ("85123A", "HEART HOLDER", 2.95),
    ]


def test_a_file_in_another_form_spoils_its_own_day_alone(tmp_path):
    (tmp_path / "2010-12-01.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2010-12-02.csv").write_text(f"{HEADER}\n{line(time='2010-12-02 08:26:00')}\n")
    (tmp_path / "2010-12-03.csv").write_text("")
    source = open_source(ComponentSpec(kind="online_retail", params={"path": tmp_path}))
    start, end = Filing.on(date(2010, 12, 1)).start, Filing.on(date(2010, 12, 3)).end
    batches = list(source.read(start, end))
    assert whole(batches).rows[c.SOURCE_FILE].to_list() == ["2010-12-02.csv"]
    faults = {batch.filing.start.date(): batch.unreadable for batch in batches if batch.unreadable}
    assert "found the header 'a,b', expected InvoiceNo" in faults[date(2010, 12, 1)]
    assert "empty file" in faults[date(2010, 12, 3)]


def test_a_missing_or_empty_folder_or_a_stray_file_is_refused(tmp_path):
    def source(folder):
        return open_source(ComponentSpec(kind="online_retail", params={"path": folder}))

    with pytest.raises(SourceError, match=r"found no folder .*missing"):
        source(tmp_path / "missing").days()
    with pytest.raises(SourceError, match="found no CSV file, expected files named by their day"):
        source(tmp_path).days()
    (tmp_path / "2010-12-01.csv").write_text(HEADER)
    (tmp_path / "december.csv").write_text(HEADER)
    with pytest.raises(SourceError, match=r"found december\.csv, expected files named by their day"):
        read_days(source(tmp_path), DAY)
