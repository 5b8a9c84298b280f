"""Files with one JSON object a line."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import orjson
import polars as pl

from recsys import columns as c
from recsys.events.files import RawFile
from recsys.events.line_faults import NOT_UTF8, NUL_BYTE, as_text
from recsys.events.lines import BYTE_ORDER_MARK, Lines, chunks_of_lines
from recsys.events.quality.lines import LINE_PATTERN, matches
from recsys.events.schema import QUARANTINE
from recsys.events.sources.mapping import WRITTEN
from recsys.events.sources.source import Surroundings
from recsys.events.sources.tables import TableParams, TableSource, mapped

BROKEN_JSON: Final = "broken_json"
NO_OBJECT: Final = "not_a_json_object"
PARTS: Final = "."
"``a.b`` is the value of b within a."


class NdjsonParams(TableParams):
    """Nothing more is to be said of JSON lines; a column ``a.b`` is the value of b within a."""


def read_ndjson(file: RawFile, required: Sequence[str], *, pattern: str | None = None) -> Iterator[Lines]:
    """All lines, some at a time: the columns ``required`` as text or lists of texts, and the line as it is written.

    Lines that do not match ``pattern`` somewhere are rejected; None: any line is fine.

    Raises:
        SourceError: the file cannot be read.
    """
    with file.open() as content:
        if content.peek(len(BYTE_ORDER_MARK)).startswith(BYTE_ORDER_MARK):
            content.read(len(BYTE_ORDER_MARK))
        first_line = 1
        for chunk in chunks_of_lines(content, file.location):
            lines = chunk.split(b"\n")[:-1]
            yield _parsed(lines, required, name=file.name, first_line=first_line, pattern=pattern)
            first_line += len(lines)


def _parsed(lines: list[bytes], required: Sequence[str], *, name: str, first_line: int, pattern: str | None) -> Lines:
    unlike = _unlike(lines, pattern)
    rejected: list[tuple[str, int, str, str]] = []
    numbers: list[int] = []
    texts: list[str] = []
    objects: list[dict[str, Any]] = []
    for number, line in enumerate(lines, first_line):
        found, fault = _object(line)
        if fault is None and number - first_line in unlike:
            fault = LINE_PATTERN
        if fault:
            text = line.decode("utf-8", errors="backslashreplace")
            rejected.append((name, number, fault, orjson.dumps({"line": text}).decode()))
        else:
            numbers.append(number)
            texts.append(line.decode())
            objects.append(found)
    values = [pl.Series(path, *_column(objects, path.split(PARTS)), strict=False) for path in required]
    rows = pl.DataFrame([*values, pl.Series(WRITTEN, texts, pl.String), pl.Series(c.SOURCE_LINE, numbers, pl.Int64)])
    return Lines(
        rows.with_columns(pl.lit(name).alias(c.SOURCE_FILE)), pl.DataFrame(rejected, schema=QUARANTINE, orient="row")
    )


def _unlike(lines: list[bytes], pattern: str | None) -> set[int]:
    """Positions of the lines that do not match."""
    if pattern is None:
        return set()
    return set((~matches(as_text(lines), pattern)).arg_true())


def _object(line: bytes) -> tuple[dict[str, Any], str | None]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        if b"\0" in line:
            return {}, NUL_BYTE
        try:
            line.decode()
        except UnicodeDecodeError:
            return {}, NOT_UTF8
        return {}, BROKEN_JSON
    return (found, None) if isinstance(found, dict) else ({}, NO_OBJECT)


def _column(objects: list[dict[str, Any]], path: list[str]) -> tuple[list[Any], pl.DataType]:
    """The values of one path, as text; lists of texts where any value is a list."""
    values: list[Any] = objects
    for name in path:
        values = [value.get(name) if isinstance(value, dict) else None for value in values]
    if any(isinstance(value, list) for value in values):
        lists = [value if value is None or isinstance(value, list) else [value] for value in values]
        return [each and [_text(value) for value in each] for each in lists], pl.List(pl.String())
    return [value if type(value) is str else _text(value) for value in values], pl.String()


def _text(value: Any) -> str | None:
    """As text; null, where it is null or nothing."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else orjson.dumps(value).decode()


def ndjson_files(params: NdjsonParams, surroundings: Surroundings) -> TableSource:
    """The source of kind ``ndjson``."""
    return mapped(params, surroundings, partial(read_ndjson, pattern=surroundings.quality.line_pattern))
