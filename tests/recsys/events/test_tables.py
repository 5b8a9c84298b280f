"""The generic sources: files of any columns, told by the site's YAML which is which."""

import gzip
import io
from csv import writer
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys import columns as c
from recsys.errors import ConfigError, SourceError
from recsys.events.counts import NO_ROWS
from recsys.events.raw import RawBatch, whole
from recsys.events.s3_objects import S3Objects
from recsys.events.sources.registry import open_source
from recsys.events.sources.source import DayRange, Surroundings
from recsys.sites.config import ComponentSpec, InteractionType
from recsys.testing.sources import SourceExample, read_days

COLUMNS = {"user_id": "u", "item_id": "i", "event_type": "e", "timestamp": "t"}
HEADER = "u,i,e,t\n"
DAY = date(2026, 3, 1)


def opened(kind: str = "csv", **params):
    return open_source(ComponentSpec(kind=kind, params={"columns": COLUMNS, **params}))


@pytest.fixture
def read(tmp_path):
    def write_and_read(content: str | bytes, *, name: str = "x.csv", kind: str = "csv", **params) -> RawBatch:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return read_days(opened(kind, path=f"{tmp_path}/{name}", **params), DAY)

    return write_and_read


def ids(batch: RawBatch) -> list[str]:
    return batch.rows[c.EVENT_ID].to_list()


class TestMapping:
    def test_the_same_user_item_type_and_time_are_the_same_event_however_written(self, read):
        told = read(HEADER + "a,b,view,2026-03-01T10:00:00Z\na,b,view,2026-03-01 11:00:00+01:00\na,b,view,1772359200\n")
        assert set(ids(told)) == {"a/b/view/1772359200000000"}

    def test_ids_with_slashes_are_told_apart(self, read):
        lines = ("a/b,c", "a,b/c", "a%2Fb,c", "a,b%2Fc", "a%/b,c")
        told = read(HEADER + "".join(f"{line},view,2026-03-01\n" for line in lines))
        assert len(set(ids(told))) == len(lines)

    def test_long_ids_make_an_event_id_of_a_length_that_is_allowed(self, read):
        told = read(HEADER + "".join(f"{'u' * 200},{'i' * 200}{last},view,2026-03-01\n" for last in "xyx"))
        assert [len(each) for each in ids(told)] == [64, 64, 64]
        assert len(set(ids(told))) == 2

    def test_a_constant_a_map_and_a_number_as_text(self, read):
        columns = {**COLUMNS, "event_type": {"column": "e", "map": {"look": "view"}}, "value": "v"}
        columns["session_id"] = {"constant": "s1"}
        told = read("v,u,i,e,t\n1e2,a,b,look,0\nmuch,a,b,buy,0\n,a,b,buy,0\n", columns=columns).rows
        assert told[c.EVENT_TYPE].to_list() == ["view", "buy", "buy"]
        assert told[c.VALUE].to_list() == [100.0, None, None]
        assert told[c.REASON].to_list() == [None, "bad_value", None]
        assert set(told[c.SESSION_ID]) == {"s1"}

    def test_a_row_that_shows_items_is_an_impression_and_what_is_done_in_it_answers_it(self, read):
        columns = {**COLUMNS, "items": {"column": "shown", "separator": "|"}}
        told = read("shown,u,i,e,t\np|q,a,q,click,7\n,a,q,view,8\nr|p,a,,,9\n", columns=columns)
        click, view, first, second = told.rows.rows(named=True)
        assert (first[c.ITEMS], second[c.ITEMS]) == (["p", "q"], ["r", "p"])
        assert (first[c.ITEM_ID], first[c.EVENT_TYPE], first[c.VALUE]) == (None, None, None)
        assert click[c.REQUEST_ID] == first[c.REQUEST_ID] == first[c.EVENT_ID] != second[c.EVENT_ID]
        assert (view[c.ITEM_ID], view[c.REQUEST_ID], view[c.ITEMS]) == ("q", None, None)
        assert [row[c.SOURCE_LINE] for row in (click, view, first, second)] == [2, 3, 2, 4]
        assert told.originals["shown"].to_list() == ["p|q", None, "p|q", "r|p"]
        assert [file.rows for file in told.files] == [4]

    def test_whole_numbers_have_no_decimals_whatever_their_type(self, tmp_path):
        table = {"u": [1.0, 2.5, None], "i": [1, 2, 3], "e": ["view"] * 3, "t": [DAY] * 3}
        pl.DataFrame(table).write_parquet(tmp_path / "x.parquet")
        told = read_days(opened("parquet", path=f"{tmp_path}/x.parquet"), DAY).rows
        assert told[c.USER_ID].to_list() == ["1", "2.5", None]
        assert told[c.ITEM_ID].to_list() == ["1", "2", "3"]
        assert told[c.SOURCE_LINE].to_list() == [1, 2, 3]

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"columns": {"user_id": "u", "timestamp": "t"}}, "expected item_id and event_type"),
            ({"columns": {**COLUMNS, "item_id": {"column": "i", "constant": "x"}}}, "expected one of them"),
            ({"columns": {**COLUMNS, "colour": "x"}}, "colour"),
            ({"timezone": "Middle/Earth"}, "IANA"),
            ({"header": ["u", "i", "e"]}, "found no t"),
            ({"path": "log/YYYY/MM/*.csv"}, "expected a whole day"),
            ({"late_days": 3}, "files nothing by day"),
            ({"delimiter": "ab"}, "delimiter"),
            ({"items": {"path": "x", "columns": {"item_id": "i"}}}, "timestamp and since"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, wrong, message):
        with pytest.raises(ConfigError, match=message):
            opened(**{"path": "x.csv", **wrong})


class TestBadFiles:
    def test_each_bad_line_is_set_aside_and_the_others_stay(self, read):
        good = "a,b,view,2026-03-01"
        bad = [b"a,b,view", b"a,b,view,2026-03-01,x", b'a,"b,view,2026-03-01', b"a,caf\xe9,view,0", b"a,\0,view,0"]
        content = b"\r\n".join([b"\xef\xbb\xbfu,i,e,t", good.encode(), *bad, b"u,i,e,t", good.encode()])
        told = read(content)
        assert dict(zip(told.rows[c.SOURCE_LINE], told.rows[c.REASON], strict=True)) == {
            2: None,
            3: "wrong_number_of_columns",
            4: "wrong_number_of_columns",
            5: "broken_quotes",
            6: "not_utf8",
            7: "nul_byte",
            8: "repeated_header",
            9: None,
        }
        assert [file.rows for file in told.files] == [8]

    def test_another_delimiter_is_told(self, read):
        with pytest.raises(SourceError, match="told apart by a semicolon"):
            read("u;i;e;t\n")

    def test_a_missing_column_is_told(self, read, tmp_path):
        with pytest.raises(SourceError, match="missing: t"):
            read("u,i,e\n")
        pl.DataFrame({"u": ["a"]}).write_parquet(tmp_path / "x.parquet")
        with pytest.raises(SourceError, match="expected also t, i, e"):
            read_days(opened("parquet", path=f"{tmp_path}/x.parquet"), DAY)

    def test_a_column_too_many_is_refused_where_columns_are_exact(self, read):
        assert read("u,i,e,t,x\n").rows.is_empty()
        with pytest.raises(SourceError, match="expected u,i,e,t"):
            read("u,i,e,t,x\n", exact_columns=["u", "i", "e", "t"])

    def test_a_parquet_file_that_is_cut_off_is_refused(self, tmp_path):
        table = pl.DataFrame({"u": ["a"] * 1000, "i": ["b"] * 1000, "e": ["view"] * 1000, "t": range(1000)})
        table.write_parquet(tmp_path / "x.parquet")
        whole_file = (tmp_path / "x.parquet").read_bytes()
        (tmp_path / "x.parquet").write_bytes(whole_file[: len(whole_file) // 2])
        with pytest.raises(SourceError, match=r"x\.parquet: found no whole Parquet file"):
            read_days(opened("parquet", path=f"{tmp_path}/x.parquet"), DAY)

    def test_a_cut_off_file_of_one_day_spoils_that_day_alone(self, tmp_path):
        text = (HEADER + "".join(f"a,b{n},view,2026-03-01T00:00:00Z\n" for n in range(5000))).encode()
        (tmp_path / "2026-03-01.csv.gz").write_bytes(gzip.compress(text)[:-9])
        (tmp_path / "2026-03-02.csv.gz").write_bytes(gzip.compress(text.replace(b"03-01T", b"03-02T")))
        found = read_days(opened(path=f"{tmp_path}/{{day}}.csv.gz"), DAY, date(2026, 3, 2))
        assert "2026-03-01.csv.gz: found broken data" in found.unreadable
        assert [file.name for file in found.files] == ["2026-03-02.csv.gz"]

    def test_a_cut_off_file_of_many_days_is_an_error(self, read):
        text = (HEADER + "a,b,view,2026-03-01\n" * 5000).encode()
        with pytest.raises(SourceError, match=r"x\.csv\.gz: found broken data"):
            read(gzip.compress(text)[:-9], name="x.csv.gz")

    def test_strange_ids_are_kept_or_set_aside_as_a_whole(self, tmp_path):
        ids = ['say "hi"', "naïve ☃", "a,b", "x" * 2**20, "tab\there", "x" * 256, ""]
        lines = [line((each, "p1", "view", datetime.fromisoformat("2026-03-01T10:00:00"))) for each in ids]
        (tmp_path / "x.csv").write_bytes(b"\n".join([HEADER.strip().encode(), *lines]))
        spec = ComponentSpec(kind="csv", params={"columns": COLUMNS, "path": f"{tmp_path}/x.csv"})
        found = SourceExample(spec, DAY, DAY, (InteractionType(name="view"),)).sorted_out(DAY, DAY)[DAY]
        assert set(found.kept[c.USER_ID]) == {ids[0], ids[1], ids[2], ids[5]}
        assert found.quarantine.select(c.SOURCE_LINE, c.REASON).rows() == [(n, "bad_user_id") for n in (5, 6, 8)]

    def test_a_column_with_a_name_of_ours_is_refused(self, read, tmp_path):
        with pytest.raises(SourceError, match="'source_line', whose name is taken"):
            read("u,i,e,t,source_line\n")
        pl.DataFrame({"u": [1], "i": [1], "e": [1], "t": [1], c.SOURCE_FILE: [1]}).write_parquet(tmp_path / "x.parquet")
        with pytest.raises(SourceError, match="'source_file', whose name is taken"):
            read_days(opened("parquet", path=f"{tmp_path}/x.parquet"), DAY)

    def test_json_lines_that_are_none_are_set_aside(self, read):
        lines = ['{"u": 1, "i": {"a": 2}, "e": "view", "t": 1772359200.5}', "", "[1]", '{"u":', "{}", '{"u": "\0"}']
        content = ("\ufeff" + "\n".join(lines)).encode() + b'\n{"u": "\xff"}'
        told = read(content, kind="ndjson", columns={**COLUMNS, "item_id": "i.a"})
        rows = sorted(told.rows.select(c.SOURCE_LINE, c.USER_ID, c.ITEM_ID, c.REASON).rows())
        assert rows == [
            (1, "1", "2", None),
            (2, None, None, "broken_json"),
            (3, None, None, "not_a_json_object"),
            (4, None, None, "broken_json"),
            (5, None, None, None),
            (6, None, None, "nul_byte"),
            (7, None, None, "not_utf8"),
        ]
        assert told.rows[c.TIMESTAMP][0] == datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC)
        assert told.originals[c.RAW][0] == lines[0]

    def test_no_sane_time_at_all_is_told(self, tmp_path):
        (tmp_path / "x.csv").write_text(HEADER + "a,b,view,0\na,b,view,7226582400\n")
        with pytest.raises(SourceError, match="found no row with a time from 1995-01-01 until 2101-01-01"):
            opened(path=f"{tmp_path}/x.csv").days()


class TestFiling:
    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        for moment in ("2026-03-01T05", "2026-03-01T23", "2026-03-03T00"):
            place = tmp_path / moment.replace("-", "/").replace("T", "/")
            place.mkdir(parents=True)
            (place / "a.csv").write_text(f"{HEADER}a,{moment[-5:]},view,{moment}:00:00Z\n")
        return tmp_path

    def test_only_the_files_of_the_span_are_read(self, folder):
        source = opened(path=f"{folder}/YYYY/MM/DD/HH/*.csv")
        assert source.filed
        assert (source.days().first, source.days().last) == (date(2026, 3, 1), date(2026, 3, 3))
        hour = list(source.read(datetime(2026, 3, 1, 23, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)))
        assert [item for batch in hour for item in batch.rows[c.ITEM_ID]] == ["01T23"]
        assert hour[0].filing.end - hour[0].filing.start == timedelta(hours=1)
        assert [file.name for batch in hour for file in batch.files] == ["2026/03/01/23/a.csv"]
        assert not list(source.read(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)))

    def test_late_events_are_looked_for_where_they_lie(self, folder):
        source = opened(path=f"{folder}/YYYY/MM/DD/HH/*.csv", late_days=2)
        found = whole(source.read(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)))
        assert found.rows[c.ITEM_ID].to_list() == ["03T00"]
        assert found.filing.late == timedelta(days=2)

    def test_hours_may_be_filed_by_day(self, folder):
        source = opened(path=f"{folder}/YYYY/MM/DD/*/a.csv")
        assert read_days(source, DAY).rows[c.ITEM_ID].to_list() == ["01T05", "01T23"]

    def test_a_day_that_is_none_is_told(self, tmp_path):
        (tmp_path / "2026-02-30.csv").write_text(HEADER)
        with pytest.raises(SourceError, match="found no such day"):
            opened(path=f"{tmp_path}/{{day}}.csv").days()


class TestItems:
    def items(self, tmp_path, lines: str, **params):
        (tmp_path / "x.csv").write_text(HEADER + "a,7,view,2026-03-01\n")
        (tmp_path / "items.csv").write_text("id,name,cost,there,when,genres\n" + lines)
        columns = {"item_id": "id", "title": "name", "price": "cost", "available": "there", "timestamp": "when"}
        items = {"path": f"{tmp_path}/items.csv", "columns": columns, **params}
        return read_days(opened(path=f"{tmp_path}/x.csv", items=items), DAY)

    def test_columns_have_their_types_and_anything_else_is_an_attribute(self, tmp_path):
        lines = "7,Tea,2.50,Yes,2026-03-01T09:00:00Z,a|b\n8,,,0,2026-03-02,\n"
        found = self.items(tmp_path, lines, attributes={"kinds": {"column": "genres", "separator": "|"}, "n": "name"})
        tea, other = found.item_updates.rows(named=True)
        assert (tea[c.ITEM_ID], tea[c.TITLE], tea[c.PRICE], tea[c.AVAILABLE]) == ("7", "Tea", 2.5, True)
        assert (tea[c.TIMESTAMP], tea[c.ATTRIBUTES]) == (
            datetime(2026, 3, 1, 9, tzinfo=UTC),
            '{"kinds":["a","b"],"n":"Tea"}',
        )
        assert (other[c.TITLE], other[c.PRICE], other[c.AVAILABLE], other[c.ATTRIBUTES]) == (None, None, False, None)

    def test_rows_that_say_nothing_usable_are_set_aside(self, tmp_path):
        lines = ",a,1,1,2026-03-01,\n7,a,dear,1,2026-03-01,\n7,a,1,perhaps,2026-03-01,\n7,a,1,1,soon,\n7,a,1,1,0,\n7\n"
        found = self.items(tmp_path, lines)
        assert found.item_updates.is_empty()
        bad = found.rows.filter(pl.col(c.SOURCE_FILE) == "items.csv")
        assert bad[c.REASON].to_list() == [
            "bad_item_id",
            "bad_item_price",
            "bad_item_available",
            "bad_item_timestamp",
            "absurd_item_timestamp",
            "wrong_number_of_columns",
        ]
        assert [file.rows for file in found.files] == [1, 6]


GOOD = st.tuples(
    st.sampled_from(["anna", "bob", "c/d", 'e"f', "g,h", "é☃"]),
    st.sampled_from(["p1", "p2", "p/3"]),
    st.sampled_from(["view", "cart"]),
    st.datetimes(datetime.fromisoformat("2026-03-01"), datetime.fromisoformat("2026-03-02")),
)
BROKEN = st.sampled_from([b"", b"a,b", b"a,b,view,0,x", b'"a,b,view,0', b"a,b,\xff,0", b"\0,b,view,0", b"u,i,e,t"])


def line(row: tuple[str, str, str, datetime]) -> bytes:
    text = io.StringIO()
    writer(text, lineterminator="").writerow([*row[:3], row[3].isoformat() + "Z"])
    return text.getvalue().encode()


@given(good=st.lists(GOOD, max_size=12), broken=st.lists(BROKEN, max_size=6), data=st.data())
def test_broken_repeated_and_shuffled_rows_leave_the_same_partition_as_the_clean_ones(good, broken, data):
    clean = [line(row) for row in dict.fromkeys(good)]
    mixed = data.draw(st.permutations([*map(line, good), *broken]))
    kept = {}
    with TemporaryDirectory() as folder:
        for name, lines in (("clean", clean), ("mixed", mixed)):
            (Path(folder) / name).write_bytes(b"\n".join([HEADER.strip().encode(), *lines, b""]))
            spec = ComponentSpec(kind="csv", params={"columns": COLUMNS, "path": f"{folder}/{name}"})
            kinds = (InteractionType(name="view"), InteractionType(name="cart"))
            found = SourceExample(spec, DAY, date(2026, 3, 2), kinds).sorted_out(DAY, date(2026, 3, 2))
            kept[name] = {day: set(each.kept.rows()) for day, each in found.items() if each.kept.height}
            counts = sum((each.counts for each in found.values()), NO_ROWS)
            assert counts.rows_in == len(lines)
            assert counts.kept == len(clean)
    assert counts.bad == len(broken)
    assert counts.duplicates == len(good) - len(clean)
    assert kept["mixed"] == kept["clean"]


@pytest.mark.platform
def test_files_on_s3_are_read_with_the_settings_keys(s3):
    client = S3Objects(s3).client
    client.create_bucket(Bucket="tables")
    for day in (1, 2):
        body = gzip.compress(f"{HEADER}a,b{day},view,2026-03-0{day}T10:00:00Z\n".encode())
        client.put_object(Bucket="tables", Key=f"log/2026-03-0{day}.csv.gz", Body=body)
    spec = ComponentSpec(kind="csv", params={"columns": COLUMNS, "folder": "s3://tables", "path": "log/{day}.csv.gz"})
    source = open_source(spec, Surroundings(settings=s3))
    assert read_days(source, date(2026, 3, 2)).rows[c.ITEM_ID].to_list() == ["b2"]
    assert source.days() == DayRange(DAY, date(2026, 3, 2))
