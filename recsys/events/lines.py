"""CSV files, line by line: each line is one row or one rejected line, and none can swallow another.

The published forms have no line breaks inside a field, so a quote that is not closed spoils its own line alone.
"""

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.schema import QUARANTINE

NOT_UTF8: Final = "not_utf8"
WRONG_COLUMNS: Final = "wrong_number_of_columns"
BROKEN_QUOTES: Final = "broken_quotes"

LINES_AT_ONCE: Final = 200_000
"Bounds the memory for Python strings."


@dataclass(frozen=True)
class CsvLines:
    """One file, read."""

    rows: pl.DataFrame
    "The published columns as strings, empty ones null, plus source_file and source_line; in the order of the file."
    rejected: pl.DataFrame
    "Schema QUARANTINE: the lines that are not rows."
    sha256: str

    @property
    def height(self) -> int:
        return self.rows.height + self.rejected.height


def read_csv_lines(file: Path, *, forms: Sequence[Sequence[str]]) -> CsvLines:
    """Every line after the header, as a row or as a rejected line; source_line counts from 1 and includes the header.

    Args:
        file: UTF-8, with or without byte order mark, Unix or Windows line ends.
        forms: the headers that are accepted.

    Raises:
        SourceError: the file is missing or empty, or its header is none of ``forms``.
    """
    try:
        content = file.read_bytes()
    except OSError as fault:
        raise SourceError(f"cannot read {file}: {fault.strerror}; expected a CSV file, readable") from None
    expected = " or ".join(",".join(form) for form in forms)
    if not content.strip():
        raise SourceError(f"{file}: found an empty file, expected the header {expected}; fetch the file again")
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    header = tuple(lines[0].decode("utf-8", errors="replace").rstrip("\r").split(","))
    if header not in [tuple(form) for form in forms]:
        raise SourceError(
            f"{file}: found the header {','.join(header)[:200]!r}, expected {expected}; use the file as published"
        )
    chunks = [
        _parse(lines[start : start + LINES_AT_ONCE], header, name=file.name, first_line=start + 1)
        for start in range(1, len(lines), LINES_AT_ONCE)
    ] or [_parse([], header, name=file.name, first_line=2)]
    rows, rejected = (pl.concat(frames) for frames in zip(*chunks, strict=True))
    return CsvLines(rows, rejected, hashlib.sha256(content).hexdigest())


def _parse(
    lines: Sequence[bytes], header: Sequence[str], *, name: str, first_line: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows: list[list[str]] = []
    numbers: list[int] = []
    rejected: list[tuple[str, int, str, str]] = []
    for number, line in enumerate(lines, first_line):
        fields, fault = _fields(line, len(header))
        if fault:
            text = line.decode("utf-8", errors="backslashreplace").rstrip("\r")
            rejected.append((name, number, fault, json.dumps({"line": text}, ensure_ascii=False)))
        else:
            rows.append(fields)
            numbers.append(number)
    values = zip(*rows, strict=True) if rows else ([] for _ in header)
    columns = [pl.Series(column, each, dtype=pl.String) for column, each in zip(header, values, strict=True)]
    frame = pl.DataFrame(columns).with_columns(pl.all().replace("", None))
    located = frame.with_columns(pl.lit(name).alias(c.SOURCE_FILE), pl.Series(c.SOURCE_LINE, numbers, dtype=pl.Int64))
    return located, pl.DataFrame(rejected, schema=QUARANTINE, orient="row")


def _fields(line: bytes, expected: int) -> tuple[list[str], str | None]:
    """The fields of one line, and what is wrong with it."""
    try:
        text = line.decode("utf-8").rstrip("\r")
    except UnicodeDecodeError:
        return [], NOT_UTF8
    if '"' not in text:
        fields = text.split(",")
    else:
        try:
            fields = next(csv.reader([text], strict=True))
        except csv.Error:
            return [], BROKEN_QUOTES
    return fields, None if len(fields) == expected else WRONG_COLUMNS
