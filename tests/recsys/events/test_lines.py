import csv
import hashlib
import io
import json
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.files import local_file
from recsys.events.lines import Lines, TextForm, read_csv_lines, read_lines

FORMS = [("day", "item", "text"), ("day", "item")]


@pytest.fixture
def read(tmp_path):
    def write_and_read(content: bytes):
        (tmp_path / "x.csv").write_bytes(content)
        return read_csv_lines(tmp_path / "x.csv", forms=FORMS)

    return write_and_read


def test_fields_are_strings_and_lines_are_counted_with_the_header(read):
    lines = read(b'day,item,text\n1,2,a\n3,,"b, ""c"""\n')
    assert lines.rows.rows() == [("1", "2", "a", "x.csv", 2), ("3", None, 'b, "c"', "x.csv", 3)]
    assert lines.rejected.is_empty()
    assert lines.height == 2


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfday,item\n1,2\n", b"day,item\r\n1,2\r\n", b"day,item\n1,2"])
def test_byte_order_mark_windows_line_ends_and_a_missing_last_line_end_are_fine(read, content):
    lines = read(content)
    assert lines.rows.rows() == [("1", "2", "x.csv", 2)]
    assert lines.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1,2,3,4", "wrong_number_of_columns"),
        (b"1", "wrong_number_of_columns"),
        (b"", "wrong_number_of_columns"),
        (b"1,2,caf\xe9", "not_utf8"),
        (b'1,2,"open', "broken_quotes"),
        (b'1,x"y,"open', "broken_quotes"),
        (b'1,2,"a"b', "broken_quotes"),
    ],
)
def test_a_bad_line_is_set_aside_alone(read, line, reason):
    lines = read(b"day,item,text\n1,2,before\n" + line + b"\n1,2,after\n")
    assert lines.rows["text"].to_list() == ["before", "after"]
    assert lines.rows[c.SOURCE_LINE].to_list() == [2, 4]
    ((name, number, why, raw),) = lines.rejected.rows()
    assert (name, number, why) == ("x.csv", 3, reason)
    assert json.loads(raw) == {"line": line.decode("utf-8", errors="backslashreplace")}


def test_a_file_of_a_header_alone_has_no_rows(read):
    lines = read(b"day,item\n")
    assert lines.height == 0
    assert lines.rows.columns == ["day", "item", c.SOURCE_FILE, c.SOURCE_LINE]


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_refused(read, content):
    with pytest.raises(
        SourceError, match=r"x\.csv: found an empty file, expected the header day,item,text or day,item"
    ):
        read(content)


@pytest.mark.parametrize("content", [b"day;item\n1;2\n", b"item,day\n", b"1,2\n", b"\x00,x\n", b"day,item,more\n"])
def test_another_header_is_refused(read, content):
    with pytest.raises(SourceError, match=r"x\.csv: found the header .*, expected day,item,text or day,item"):
        read(content)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"cannot read .*none\.csv: No such file"):
        read_csv_lines(tmp_path / "none.csv", forms=FORMS)


def test_long_files_are_read_in_parts(read, monkeypatch):
    monkeypatch.setattr("recsys.events.lines.CHUNK_BYTES", 9)
    lines = read(b"day,item\n" + b"".join(b"%d,x\n" % n if n != 5 else b"bad\n" for n in range(10)))
    assert lines.rows["day"].to_list() == [str(n) for n in range(10) if n != 5]
    assert lines.rows[c.SOURCE_LINE].to_list() == [n + 2 for n in range(10) if n != 5]
    assert lines.rejected[c.SOURCE_LINE].to_list() == [7]


class TestAnyForm:
    @pytest.fixture
    def read(self, tmp_path):
        def write_and_read(content: bytes, form: TextForm) -> Lines:
            (tmp_path / "x.csv").write_bytes(content)
            parts = list(read_lines(local_file(tmp_path / "x.csv"), form))
            return Lines(pl.concat(part.rows for part in parts), pl.concat(part.rejected for part in parts))

        return write_and_read

    def test_columns_besides_the_required_ones_are_read_too(self, read):
        assert read(b"a,b,c\n1,2,3\n", TextForm(required=("c", "a"))).rows["b"].to_list() == ["2"]

    @pytest.mark.parametrize(("delimiter", "called"), [(";", "a semicolon"), ("\t", "a tab"), ("|", "a bar")])
    def test_another_delimiter_is_named(self, read, delimiter, called):
        content = delimiter.join("abc").encode() + b"\n"
        with pytest.raises(SourceError, match=f"told apart by {called}, not by a comma"):
            read(content, TextForm(required=("a", "b")))
        assert read(content, TextForm(required=("a", "b"), delimiter=delimiter)).height == 0

    def test_a_missing_column_is_named(self, read):
        with pytest.raises(SourceError, match="missing: when"):
            read(b"who,what\n", TextForm(required=("who", "when")))

    def test_a_name_twice_in_the_header_is_refused(self, read):
        with pytest.raises(SourceError, match="found the column 'b' more than once"):
            read(b"a,b,b\n", TextForm(required=("a",)))

    def test_utf16_is_told(self, read):
        with pytest.raises(SourceError, match="found UTF-16 text, expected UTF-8"):
            read("a,b\n1,2\n".encode("utf-16"), TextForm(required=("a",)))

    def test_a_repeated_header_is_no_row(self, read):
        lines = read(b"a,b\na,b\n1,2\na,b\na,bc\n", TextForm(required=("a",)))
        assert lines.rows["a"].to_list() == ["1", "a"]
        assert lines.rejected.select(c.SOURCE_LINE, c.REASON).rows() == [(2, "repeated_header"), (4, "repeated_header")]

    def test_without_a_header_the_first_line_is_a_row(self, read):
        lines = read(b"\xef\xbb\xbf1,2\n3\n", TextForm(names=("a", "b")))
        assert lines.rows.rows() == [("1", "2", "x.csv", 1)]
        assert lines.rejected[c.SOURCE_LINE].to_list() == [2]

    def test_quotes_may_be_plain_characters(self, read):
        lines = read(b'a\tb\n5"\t"open\n"x\t"\n', TextForm(required=("a",), delimiter="\t", quoted=False))
        assert lines.rows.rows() == [('5"', '"open', "x.csv", 2), ('"x', '"', "x.csv", 3)]

    def test_one_column_is_enough(self, read):
        lines = read(b'a\n1\n\n"2"\n"3\n', TextForm(required=("a",)))
        assert lines.rows["a"].to_list() == ["1", None, "2"]
        assert lines.rejected[c.REASON].to_list() == ["broken_quotes"]

    def test_a_nul_byte_spoils_its_line_alone(self, read):
        lines = read(b"a,b\n1,2\n3,\x00\n5,6\n", TextForm(required=("a",)))
        assert lines.rows["a"].to_list() == ["1", "5"]
        assert lines.rejected[c.REASON].to_list() == ["nul_byte"]

    def test_a_field_of_a_megabyte_is_a_field(self, read):
        wide = "x" * 2**20
        lines = read(f"a,b\n{wide},1\n2,{wide}\n".encode(), TextForm(required=("a",)))
        assert lines.rows.select("a", "b").rows() == [(wide, "1"), ("2", wide)]

    def test_what_has_no_line_ends_is_no_text(self, read, monkeypatch):
        monkeypatch.setattr("recsys.events.lines.LONGEST_LINE", 1000)
        with pytest.raises(SourceError, match="bytes without a line end, expected text in lines"):
            read(b"a,b\n" + b"x" * 2000, TextForm(required=("a",)))


FIELD = st.text(
    st.sampled_from('a1 ,,""\';é☃') | st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=6
)
PRINTED_QUOTES = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
BROKEN = st.sampled_from(
    [b"", b"1", b"1,2,3,4,5", b'"open,2,3', b'1,2,"3', b'1,"2"x,3', b"1,\xff,3", b"1,\x00,3", b",", b'""', b"a,b,c"]
)


def written(fields: tuple[str, ...], quoting: int) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator="").writerow(fields)
    return text.getvalue().encode()


GOOD = st.tuples(st.tuples(FIELD, FIELD, FIELD), PRINTED_QUOTES)


@given(
    lines=st.lists(GOOD | BROKEN, max_size=30),
    line_end=st.sampled_from([b"\n", b"\r\n"]),
    last_end=st.booleans(),
    chunk=st.integers(1, 60),
)
def test_good_lines_come_out_unchanged_whatever_stands_between_them(lines, line_end, last_end, chunk):
    texts = [b"a,b,c", *(line if isinstance(line, bytes) else written(*line) for line in lines)]
    good = [
        (*(field or None for field in line[0]), number)
        for number, line in enumerate(lines, 2)
        if not isinstance(line, bytes) and line[0] != ("a", "b", "c")
    ]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("recsys.events.lines.CHUNK_BYTES", chunk)
        file = Path(folder) / "x.csv"
        file.write_bytes(line_end.join(texts) + (line_end if last_end or not texts[-1] else b""))
        read = read_csv_lines(file, forms=[("a", "b", "c")])
    assert read.rows.drop(c.SOURCE_FILE).rows() == good
    assert read.rejected[c.SOURCE_LINE].to_list() == sorted(set(range(2, len(texts) + 1)) - {row[-1] for row in good})
