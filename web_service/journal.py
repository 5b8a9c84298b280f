"""What the service says of itself: one line a request where that is wished, and what went wrong, with the request's id.

No line holds a key, an id of a user or an item, or a query; nor do the words of a fault that quotes what it was given.
"""

import json
import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Final

import asyncpg
from starlette.types import ASGIApp, Receive, Scope, Send

from web_service.watched_send import WatchedSend

REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)
"""Of the request that is being answered; None outside of requests."""
REQUESTS: Final = logging.getLogger("web_service.requests")
"""Has one line a request; the fields are in ``extra["request"]``."""
QUOTES_ITS_INPUT: Final = "22"
"""Class of Postgres' errors (data exceptions) whose message holds the value."""


def configuration(form: str) -> dict[str, Any]:
    """Of Python's logging, uvicorn included: to stderr, as ``text`` for a person or ``json`` for a program."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": AsJson if form == "json" else AsText}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {name: {"level": "INFO"} for name in ("uvicorn", "web_service")},
    }


class AsText(logging.Formatter):
    """For a person; tracebacks are whole, since they stay on this machine."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = _message(record)
        request_id = REQUEST_ID.get()
        return super().formatMessage(record) + (f" [request {request_id}]" if request_id else "")


class AsJson(logging.Formatter):
    """One JSON object a line. Of an exception: its type and the places, not its words."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if (fields := getattr(record, "request", None)) is not None:
            line |= fields
        else:
            line |= {"message": _message(record), "request_id": REQUEST_ID.get()}
        if record.exc_info and record.exc_info[1]:
            line["error"] = _places(record.exc_info[1])
        return json.dumps(line)


class Journal:
    """ASGI middleware: one line for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is answered and noted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, watched = perf_counter(), WatchedSend(send)
        try:
            await self._app(scope, receive, watched)
        finally:
            REQUESTS.info("answered", extra={"request": _fields(scope, watched.status, perf_counter() - began)})


def _fields(scope: Scope, status: int, seconds: float) -> dict[str, Any]:
    """Of a request; the site only where there is one that the key is for."""
    state = scope.get("state", {})
    key = state.get("key")
    return {
        "request_id": state.get("request_id"),
        "method": scope["method"],
        "route": getattr(scope.get("route"), "path", None),
        "status": status,
        "ms": round(seconds * 1000, 2),
        "site": scope.get("path_params", {}).get("site") if status not in (401, 403, 404) else None,
        "key": key.key_id if key is not None else None,
        **({"trace_id": state["trace_id"]} if "trace_id" in state else {}),
    }


def _message(record: logging.LogRecord) -> str:
    """The message, with faults of Postgres without their details, which quote rows."""
    if not isinstance(record.args, tuple):
        return record.getMessage()
    return str(record.msg) % tuple(_bare(value) for value in record.args) if record.args else str(record.msg)


def _bare(value: object) -> object:
    if not isinstance(value, asyncpg.PostgresError):
        return value
    state = value.sqlstate or ""
    said = "" if state.startswith(QUOTES_ITS_INPUT) or not value.args else f": {value.args[0]}"
    return f"{state}{said}"


def _places(error: BaseException) -> dict[str, Any]:
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    found: dict[str, Any] = {"type": type(error).__name__, "at": places}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found | ({"because": _places(cause)} if cause is not None else {})
