"""Which lines of a delimited text are certainly rows, found for all at once; and what is wrong with one line."""

import csv
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys.events.quality.lines import LINE_PATTERN, matches

NOT_UTF8: Final = "not_utf8"
NUL_BYTE: Final = "nul_byte"
WRONG_COLUMNS: Final = "wrong_number_of_columns"
BROKEN_QUOTES: Final = "broken_quotes"
REPEATED_HEADER: Final = "repeated_header"

LINE_END: Final = ord("\n")
QUOTE: Final = ord('"')
ASCII_END: Final = 128

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class LineForm:
    """What a line looks like."""

    columns: int
    delimiter: str
    quoted: bool
    "False: a quote is a character like any other."
    header: bytes | None = None
    "The header as it is written; a line like it is no row."
    pattern: str | None = None
    "What a line must match somewhere; None: anything."


def ends_and_suspects(content: bytes, form: LineForm) -> tuple[Places, Mask]:
    """Where each line ends, and which lines must be looked at one by one; the others are rows without any doubt.

    Args:
        content: whole lines, each with its line end.
        form: how many columns, and how they are told apart.
    """
    signs = np.frombuffer(content, np.uint8)
    delimiter = ord(form.delimiter)
    if form.quoted and b'"' in content:
        ends, suspects = _quoted(signs, delimiter, form.columns)
    else:
        places = np.flatnonzero((signs == LINE_END) | (signs == delimiter))
        closing = np.flatnonzero(signs[places] == LINE_END)
        ends, suspects = places[closing], np.diff(closing, prepend=-1) != form.columns
    for sign in (b"\0", b"\r"):
        suspects[np.searchsorted(ends, _all_places(content, sign))] = True
    if form.header:
        again = _all_places(content, b"\n%s\n" % form.header)
        suspects[np.searchsorted(ends, np.array(again, np.intp) + 1)] = True
        suspects[:1] |= content.startswith(form.header + b"\n")
    if not content.isascii() and not _is_utf8(content):
        lines = np.unique(np.searchsorted(ends, np.flatnonzero(signs >= ASCII_END)))
        starts = np.concatenate(([0], ends + 1))
        suspects[[line for line in lines if not _is_utf8(content[starts[line] : ends[line]])]] = True
    if form.pattern is not None:
        suspects |= ~matches(as_text(content.split(b"\n")[:-1]), form.pattern).to_numpy()
    return ends, suspects


def as_text(lines: list[bytes]) -> pl.Series:
    """The lines as text; what is no UTF-8 stands as a replacement character."""
    return pl.Series([line.decode("utf-8", errors="replace") for line in lines], dtype=pl.String)


def fields_of(line: bytes, form: LineForm) -> tuple[list[str], str | None]:
    """The fields of one line, and what is wrong with it."""
    if b"\0" in line:
        return [], NUL_BYTE
    try:
        text = line.decode("utf-8").rstrip("\r")
    except UnicodeDecodeError:
        return [], NOT_UTF8
    if line == form.header:
        return [], REPEATED_HEADER
    if form.quoted and '"' in text:
        try:
            fields = next(csv.reader([text], delimiter=form.delimiter, strict=True))
        except csv.Error:
            return [], BROKEN_QUOTES
    else:
        fields = text.split(form.delimiter)
    if len(fields) != form.columns:
        return fields, WRONG_COLUMNS
    if form.pattern is not None and not matches(pl.Series([text]), form.pattern).item():
        return fields, LINE_PATTERN
    return fields, None


def _quoted(signs: npt.NDArray[np.uint8], delimiter: int, columns: int) -> tuple[Places, Mask]:
    """As ``ends_and_suspects``; delimiters within quotes do not count, quotes must stand at the ends of a field."""
    places = np.flatnonzero((signs == LINE_END) | (signs == delimiter) | (signs == QUOTE))
    kinds = signs[places]
    closing = np.flatnonzero(kinds == LINE_END)
    ends = places[closing]
    of_line = np.repeat(np.arange(len(ends)), np.diff(closing, prepend=-1))
    is_quote = kinds == QUOTE
    until = np.cumsum(is_quote)
    at_start = np.concatenate(([0], until[closing]))
    inside = ((until - is_quote - at_start[of_line]) & 1).astype(bool)
    counted = (kinds == delimiter) & ~inside
    suspects = np.bincount(of_line[counted], minlength=len(ends)) != columns - 1
    suspects |= (np.diff(at_start) & 1).astype(bool)
    quotes, closes = places[is_quote], inside[is_quote]
    neighbour = np.where(closes, signs[quotes + 1], np.where(quotes > 0, signs[quotes - 1], LINE_END))
    misplaced = (neighbour != delimiter) & (neighbour != LINE_END) & (neighbour != QUOTE)
    suspects[of_line[is_quote][misplaced]] = True
    return ends, suspects


def _all_places(content: bytes, sought: bytes) -> list[int]:
    """Where ``sought`` begins."""
    found, start = [], content.find(sought)
    while start >= 0:
        found.append(start)
        start = content.find(sought, start + 1)
    return found


def _is_utf8(content: bytes) -> bool:
    try:
        pl.Series([content], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        return False
    return True
