"""Delimited text, chunk by chunk of lines: each line is one row or one rejected line, and none can swallow another.

A field has no line breaks, so a quote that is not closed spoils its own line alone. Lines that are certainly rows are
parsed together, fast; only the others are looked at one by one.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.files import RawFile, local_file
from recsys.events.line_faults import BROKEN_QUOTES as BROKEN_QUOTES
from recsys.events.line_faults import NOT_UTF8 as NOT_UTF8
from recsys.events.line_faults import WRONG_COLUMNS as WRONG_COLUMNS
from recsys.events.line_faults import LineForm, Mask, Places, ends_and_suspects, fields_of
from recsys.events.schema import QUARANTINE

CHUNK_BYTES: Final = 32 << 20
"Read at once; the memory needed is a few times this."
LONGEST_LINE: Final = 64 << 20
"Bytes; what has no line end for so long is no text."
DELIMITERS: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class TextForm:
    """How a delimited text is written."""

    forms: tuple[tuple[str, ...], ...] = ()
    "Headers that are accepted; empty: any that has all ``required``."
    required: tuple[str, ...] = ()
    "Columns that the header must have."
    names: tuple[str, ...] = ()
    "The columns of a text without a header; empty: the first line is the header."
    delimiter: str = ","
    quoted: bool = True
    "False: a quote is a character like any other."
    pattern: str | None = None
    "What every line must match somewhere (``quality.line_pattern``); None: anything."


@dataclass(frozen=True)
class Lines:
    """Some lines of one file."""

    rows: pl.DataFrame
    "The published columns as strings, empty ones null, plus source_file and source_line; in the order of the file."
    rejected: pl.DataFrame
    "Schema QUARANTINE: the lines that are not rows."

    @property
    def height(self) -> int:
        return self.rows.height + self.rejected.height


@dataclass(frozen=True)
class CsvLines(Lines):
    """One file, read."""

    sha256: str


def read_lines(file: RawFile, form: TextForm) -> Iterator[Lines]:
    """All lines of ``file`` but its header, some at a time; source_line counts from 1 and includes the header.

    At least one (perhaps empty) part comes. Unix and Windows line ends and a byte order mark are fine.

    Raises:
        SourceError: the file cannot be read or is empty, its header is not accepted, or it is no UTF-8 text.
    """
    with file.open() as content:
        names, header = _header(content, file, form)
        line_form = LineForm(len(names), form.delimiter, form.quoted, header, form.pattern)
        first_line = 1 if form.names else 2
        none = True
        for chunk in chunks_of_lines(content, file.location):
            ends, suspects = ends_and_suspects(chunk, line_form)
            yield _parsed(chunk, ends, suspects, names, line_form, name=file.name, first_line=first_line)
            first_line += len(ends)
            none = False
        if none:
            yield _parsed(b"", *ends_and_suspects(b"", line_form), names, line_form, name=file.name, first_line=0)


def read_csv_lines(file: Path, *, forms: Sequence[Sequence[str]], pattern: str | None = None) -> CsvLines:
    """As ``read_lines``, of a comma separated file that has one of the headers ``forms``, as a whole."""
    raw = local_file(file)
    parts = list(read_lines(raw, TextForm(forms=tuple(tuple(form) for form in forms), pattern=pattern)))
    rows, rejected = pl.concat(part.rows for part in parts), pl.concat(part.rejected for part in parts)
    return CsvLines(rows, rejected, raw.sha256)


def _header(content: BufferedReader, file: RawFile, form: TextForm) -> tuple[tuple[str, ...], bytes | None]:
    """The names of the columns, and the header as it is written; the text stands at its first row afterwards."""
    start = content.peek(4)[:4]
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SourceError(f"{file.location}: found UTF-16 text, expected UTF-8; save or export the file as UTF-8")
    if start.startswith(BYTE_ORDER_MARK):
        content.read(len(BYTE_ORDER_MARK))
    if form.names:
        return form.names, None
    expected = " or ".join(form.delimiter.join(each) for each in form.forms or [form.required])
    written = content.readline(LONGEST_LINE)
    if not written.strip() and not content.peek(1).strip():
        raise SourceError(f"{file.location}: found an empty file, expected the header {expected}; fetch the file again")
    written = written.rstrip(b"\r\n")
    text = written.decode("utf-8", errors="replace")
    names = _names(text, form.delimiter, quoted=form.quoted)
    if (form.forms and names not in form.forms) or not set(form.required) <= set(names):
        raise SourceError(
            f"{file.location}: found the header {text[:200]!r}, expected {expected}; {_advice(text, form)}"
        )
    refuse_reserved(names, file.location)
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise SourceError(
            f"{file.location}: found the column {twice[0]!r} more than once in the header, expected each name once; "
            "rename one of them at the source"
        )
    return names, written


def refuse_reserved(names: Sequence[str], location: str) -> None:
    """Raises SourceError when a published column has a name under which we keep where a row stands."""
    if taken := sorted({c.SOURCE_FILE, c.SOURCE_LINE} & set(names)):
        raise SourceError(f"{location}: found the column {taken[0]!r}, whose name is taken; rename it at the source")


def _names(header: str, delimiter: str, *, quoted: bool) -> tuple[str, ...]:
    if quoted and '"' in header:
        return tuple(next(csv.reader([header], delimiter=delimiter)))
    return tuple(header.split(delimiter))


def _advice(header: str, form: TextForm) -> str:
    wanted = [set(each) for each in form.forms] or [set(form.required)]
    for other, called in DELIMITERS.items():
        names = set(_names(header, other, quoted=form.quoted))
        if other != form.delimiter and any(names >= each for each in wanted):
            return f"its columns seem to be told apart by {called}, not by {DELIMITERS.get(form.delimiter, 'yours')}"
    missing = min((each - set(_names(header, form.delimiter, quoted=form.quoted)) for each in wanted), key=len)
    return f"use the file as published; missing: {', '.join(sorted(missing)) or 'nothing, the order differs'}"


def chunks_of_lines(content: BufferedReader, location: str) -> Iterator[bytes]:
    """The text in chunks of whole lines, each with its line end; Windows line ends are Unix ones."""
    while chunk := content.read(CHUNK_BYTES):
        chunk += content.readline(LONGEST_LINE)
        if not chunk.endswith(b"\n"):
            if len(chunk) >= LONGEST_LINE:
                raise SourceError(f"{location}: found {len(chunk):,} bytes without a line end, expected text in lines")
            chunk += b"\n"
        yield _with_unix_ends(chunk)


def _with_unix_ends(chunk: bytes) -> bytes:
    return chunk.replace(b"\r\n", b"\n") if b"\r" in chunk else chunk


def _parsed(
    chunk: bytes, ends: Places, suspects: Mask, names: tuple[str, ...], form: LineForm, *, name: str, first_line: int
) -> Lines:
    schema = dict.fromkeys(names, pl.String())
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    found: list[tuple[int, list[str]]] = []
    rejected: list[tuple[str, int, str, str]] = []
    for line in np.flatnonzero(suspects).tolist():
        written = chunk[starts[line] : ends[line]]
        fields, fault = fields_of(written, form)
        if fault:
            text = written.decode("utf-8", errors="backslashreplace").rstrip("\r")
            rejected.append((name, first_line + line, fault, json.dumps({"line": text}, ensure_ascii=False)))
        else:
            found.append((first_line + line, fields))
    if suspects.any():
        lengths = np.diff(ends, prepend=-1)
        chunk = np.frombuffer(chunk, np.uint8)[np.repeat(~suspects, lengths)].tobytes()
    rows = _rows(chunk, schema, form).with_columns(
        pl.Series(c.SOURCE_LINE, np.flatnonzero(~suspects) + first_line, pl.Int64)
    )
    if found:
        odd = pl.DataFrame([fields for _, fields in found], schema, orient="row").with_columns(
            pl.Series(c.SOURCE_LINE, [number for number, _ in found], pl.Int64)
        )
        rows = pl.concat([rows, odd]).sort(c.SOURCE_LINE)
    if found or (form.quoted and b'"' in chunk):
        rows = rows.with_columns(pl.col(names).replace("", None))
    located = rows.select(*names, pl.lit(name).alias(c.SOURCE_FILE), c.SOURCE_LINE)
    return Lines(located, pl.DataFrame(rejected, QUARANTINE, orient="row"))


def _rows(chunk: bytes, schema: dict[str, pl.String], form: LineForm) -> pl.DataFrame:
    """Lines that are certainly rows, parsed."""
    if not chunk:
        return pl.DataFrame(schema=schema)
    quoted = form.quoted and b'"' in chunk
    if form.columns == 1 and not quoted:
        lines = chunk.decode("utf-8").split("\n")[:-1]
        return pl.DataFrame(dict.fromkeys(schema, lines), schema)
    return pl.read_csv(
        chunk, has_header=False, schema=schema, separator=form.delimiter, quote_char='"' if quoted else None
    )
