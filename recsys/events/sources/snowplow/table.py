"""Lines of enriched events as a table of what the site asks of them."""

import re
from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from recsys import columns as c
from recsys.events.quality.lines import LINE_PATTERN, matches
from recsys.events.sources.snowplow.canonical import (
    APP_ID,
    COLLECTED,
    DERIVED,
    EVENT,
    EVENT_ID,
    EVENT_NAME,
    SESSION,
    STRUCTURED,
)
from recsys.events.sources.snowplow.enriched import Event, parsed, values_at
from recsys.events.sources.snowplow.params import PAGE_VIEW_ID, SnowplowParams

NO_APP_ID: Final = "missing_app_id"

USER: Final = "user"
PAGE_VIEW: Final = "page_view_id"
PAGE: Final = "page"
"What names the item, as published."
ITEM: Final = "item"
WIDGET: Final = "widget"
SHOWN: Final = "shown"
CLICKED: Final = "clicked"
REQUEST: Final = "request"
LINE: Final = "line"
"The line itself, where it cannot be read."

TABLE: Final = pl.Schema(
    {
        **dict.fromkeys((APP_ID, EVENT_NAME, EVENT_ID, COLLECTED, DERIVED, USER, SESSION), pl.String()),
        **dict.fromkeys((PAGE_VIEW, PAGE, ITEM, WIDGET, CLICKED, REQUEST), pl.String()),
        SHOWN: pl.List(pl.String()),
        LINE: pl.String(),
        c.SOURCE_FILE: pl.String(),
        c.SOURCE_LINE: pl.Int64(),
        c.REASON: pl.String(),
    }
)
"""One row per line, in the order of the file; everything as published, what is missing null."""


class Asking:
    """What one site asks of every event."""

    def __init__(self, params: SnowplowParams, line_pattern: str | None) -> None:
        widget = params.widget
        self._line_pattern = line_pattern
        self._app_id = params.app_id
        self._pattern = re.compile(params.item_pattern)
        self._items_are_joined = widget.items in STRUCTURED
        columns = {name: name for name in (APP_ID, EVENT_ID, COLLECTED, DERIVED, SESSION)}
        paths = {
            **columns,
            USER: params.user,
            PAGE_VIEW: PAGE_VIEW_ID,
            PAGE: params.item,
            WIDGET: widget.field,
            CLICKED: widget.clicked,
            REQUEST: widget.request,
        }
        self._paths = {name: tuple(path.split(".")) for name, path in paths.items()}
        self._shown = tuple(widget.items.split("."))

    def table(self, lines: Sequence[bytes], *, file: str, first_line: int) -> pl.DataFrame:
        """The site's rows (schema TABLE) among the lines; those of other app_ids are left out.

        A line that cannot be read is anybody's, and is a row with a ``reason``. So is an event without an app_id where
        the site has one.
        """
        rows = []
        expected = self._expected(lines)
        for number, line in enumerate(lines):
            event, fault = parsed(line)
            row = self._row(event, fault or (None if expected[number] else LINE_PATTERN), line)
            if row is not None:
                rows.append({**row, c.SOURCE_FILE: file, c.SOURCE_LINE: first_line + number})
        return pl.DataFrame(rows, schema=TABLE)

    def _expected(self, lines: Sequence[bytes]) -> Sequence[bool]:
        """Whether each line has the form that the site expects of every line."""
        if self._line_pattern is None:
            return [True] * len(lines)
        text = pl.Series([line.decode("utf-8", errors="replace") for line in lines], dtype=pl.String)
        return matches(text, self._line_pattern).to_list()

    def _row(self, event: Event, fault: str | None, line: bytes) -> dict[str, Any] | None:
        if self._app_id is not None and event.get(APP_ID) not in (self._app_id, None):
            return None
        if fault:
            return {c.REASON: fault, LINE: line.decode("utf-8", errors="backslashreplace").rstrip("\r\n")}
        row: dict[str, Any] = {name: next(iter(values_at(event, path)), None) for name, path in self._paths.items()}
        if self._app_id is not None and row[APP_ID] is None:
            row[c.REASON] = NO_APP_ID
        row[EVENT_NAME] = event.get(EVENT_NAME) or event.get(EVENT)
        named = self._pattern.search(row[PAGE] or "")
        row[ITEM] = named.group(1) if named else None
        row[SHOWN] = self._items(values_at(event, self._shown))
        return row

    def _items(self, values: list[str]) -> list[str]:
        joined = self._items_are_joined and values
        return [item.strip() for item in values[0].split(",")] if joined else values
