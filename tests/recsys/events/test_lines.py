import hashlib
import json

import pytest

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.lines import read_csv_lines

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


@pytest.mark.parametrize("content", [b"day;item\n1;2\n", b"item,day\n", b"1,2\n", b"\xff\xfe\x00,x\n"])
def test_another_header_is_refused(read, content):
    with pytest.raises(SourceError, match=r"x\.csv: found the header .*, expected day,item,text or day,item"):
        read(content)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"cannot read .*none\.csv: No such file"):
        read_csv_lines(tmp_path / "none.csv", forms=FORMS)


def test_long_files_are_read_in_parts(read, monkeypatch):
    monkeypatch.setattr("recsys.events.lines.LINES_AT_ONCE", 3)
    lines = read(b"day,item\n" + b"".join(b"%d,x\n" % n if n != 5 else b"bad\n" for n in range(10)))
    assert lines.rows["day"].to_list() == [str(n) for n in range(10) if n != 5]
    assert lines.rows[c.SOURCE_LINE].to_list() == [n + 2 for n in range(10) if n != 5]
    assert lines.rejected[c.SOURCE_LINE].to_list() == [7]
