"""One line of enriched events, of either form, as one flat object.

Entities and the self-describing event stand under the names that Snowplow's own tools give them:
``contexts_<vendor>_<name>_<version>`` is a list of objects, ``unstruct_event_<vendor>_<name>_<version>`` one object.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

from recsys.events.lines import NOT_UTF8, WRONG_COLUMNS
from recsys.events.sources.snowplow.canonical import COLUMNS, CONTEXTS, DERIVED_CONTEXTS, SELF_DESCRIBING

BROKEN_JSON: Final = "broken_json"
SCHEMA: Final = re.compile(r"iglu:([^/]+)/([^/]+)/[^/]+/(\d+)-")
CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Event = dict[str, Any]


def parsed(line: bytes) -> tuple[Event, str | None]:
    """The event of one line, and what is wrong with it, None where nothing is; a line that starts with { is JSON."""
    try:
        text = line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return {}, NOT_UTF8
    try:
        if text.startswith("{"):
            event = json.loads(text)
        else:
            fields = text.split("\t")
            if len(fields) != len(COLUMNS):
                return {}, WRONG_COLUMNS
            event = {name: value for name, value in zip(COLUMNS, fields, strict=True) if value}
        event.update(_unpacked(event))
        if "\\u" in text:
            json.dumps(event, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return {}, NOT_UTF8
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return {}, BROKEN_JSON
    return event, None


def _unpacked(event: Event) -> Event:
    """The self-describing JSON of the atomic columns, under flat names; empty where the event has none."""
    found: Event = {}
    for column in (CONTEXTS, DERIVED_CONTEXTS):
        for entity in _data(event.pop(column, None)) or ():
            found.setdefault(_flat_name("contexts", entity["schema"]), []).append(entity["data"])
    if described := _data(event.pop(SELF_DESCRIBING, None)):
        found[_flat_name("unstruct_event", described["schema"])] = described["data"]
    return found


def _data(cell: str | dict[str, Any] | None) -> Any:
    described = json.loads(cell) if isinstance(cell, str) else cell
    return described["data"] if described else None


@cache
def _flat_name(prefix: str, schema: str) -> str:
    address = SCHEMA.match(schema)
    if address is None:
        raise ValueError(f"found the schema {schema[:200]!r}, expected iglu:vendor/name/format/version")
    vendor, name, version = address.groups()
    return f"{prefix}_{_words(vendor)}_{_words(name)}_{version}"


def _words(name: str) -> str:
    return CAMEL.sub("_", re.sub(r"[.\-]", "_", name)).lower()


def values_at(event: Event, path: Sequence[str]) -> list[str]:
    """Each text, number or truth value that ``path`` leads to, as text, in order; a list on the way is all it holds."""
    found = event.get(path[0])
    if found is None:
        return []
    return [found] if isinstance(found, str) and len(path) == 1 else list(_values(found, path[1:]))


def _values(found: Any, path: Sequence[str]) -> Iterator[str]:
    if isinstance(found, list):
        for each in found:
            yield from _values(each, path)
    elif path:
        if isinstance(found, dict):
            yield from _values(found.get(path[0]), path[1:])
    elif isinstance(found, bool):
        yield str(found).lower()
    elif isinstance(found, str | int | float):
        yield str(found)
