"""Errors as RFC 9457 problem documents: what was found, what was expected, and which field of the input is wrong."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from recsys.errors import (
    ConfigError,
    ExperimentError,
    ReleaseError,
    StoreError,
    UnknownExperimentError,
    UnknownReleaseError,
)
from recsys.serving.away import AWAY
from web_service.spool import SpoolFull

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
PARAMETER: Final = re.compile(r"\{[^}]*\}")

TITLES: Final[dict[str, str]] = {
    "invalid-request": "The request is not valid",
    "unknown-site": "There is no such site",
    "unknown-item": "There is no such item",
    "unknown-release": "There is no such release",
    "no-live-release": "The site has no live release yet",
    "release-conflict": "The release is not in a state for that",
    "unknown-experiment": "There is no such experiment",
    "experiment-conflict": "The experiment is over, or in the way of another",
    "not-found": "There is nothing here",
    "method-not-allowed": "This address does not know that method",
    "unauthorized": "An API key is needed",
    "forbidden": "This API key is not enough",
    "too-large": "The request is too large",
    "malformed-request": "The request is not HTTP",
    "request-timeout": "The request came too slowly",
    "headers-too-large": "The request line and headers are too large",
    "address-too-long": "The address is too long",
    "unsupported-media-type": "The body is not declared as JSON",
    "site-misconfigured": "The site's configuration cannot be read",
    "store-unavailable": "The database does not answer",
    "no-room": "There is no room for more events",
    "unreachable": "No host answers",
    "overloaded": "Too much waits already",
    "rate-limited": "The client's share is used up",
    "too-slow": "The answer took too long",
    "http-error": "The request failed",
    "internal-error": "Something went wrong here",
}
"""Every kind of problem, by the last part of its ``type``; docs/api.md has a line for each."""


class FieldFault(BaseModel):
    """One thing that is wrong with the request."""

    field: str = Field(examples=["timestamp"])
    reason: str = Field(examples=["Input should have timezone info"])


class ProblemDocument(BaseModel):
    """RFC 9457 problem document."""

    type: str = Field(examples=["urn:recsys:problem:invalid-request"])
    title: str = Field(examples=[TITLES["invalid-request"]])
    status: int = Field(examples=[422])
    detail: str
    instance: str = Field(examples=["/v1/demo_shop/events"])
    request_id: str
    errors: list[FieldFault] = []


class Problem(Exception):
    """A request that cannot be answered as asked, with the reason; becomes a problem document."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.errors = status, kind, detail, errors
        self.headers = dict(headers or {})


def render(request: Request, problem: Problem) -> Response:
    """The problem as a response. Whatever the input was, the document is valid JSON."""
    document: dict[str, Any] = {
        "type": f"urn:recsys:problem:{problem.kind}",
        "title": TITLES[problem.kind],
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.url.path,
        "request_id": request.state.request_id,
    }
    if problem.errors:
        document["errors"] = [{"field": field, "reason": reason} for field, reason in problem.errors]
    return Response(json.dumps(document), problem.status, problem.headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Every error of the app leaves as a problem document."""

    async def problem(request: Request, error: Exception) -> Response:
        known = as_problem(error)
        if known.status == 405:
            known.headers["Allow"] = _methods_of(request)
        return render(request, known)

    for kind in (
        Problem,
        RequestValidationError,
        HTTPException,
        ReleaseError,
        ExperimentError,
        ConfigError,
        StoreError,
        asyncpg.PostgresError,
        *AWAY,
    ):
        app.add_exception_handler(kind, problem)


def _methods_of(request: Request) -> str:
    """The methods that the address knows; of routes that fit, those whose address says most: ``rollback`` is no id."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    routes = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    said = [len(PARAMETER.sub("", route.path)) for route in routes]
    methods = [route.methods or set() for route, length in zip(routes, said, strict=True) if length == max(said)]
    return ", ".join(sorted(set().union(*methods)))


def as_problem(error: Exception) -> Problem:
    """What the error means to who asked. Only what is nobody's known situation is a 500, and is logged whole."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            return _of_status(error)
        case UnknownReleaseError():
            return Problem(404, "unknown-release", str(error))
        case ReleaseError():
            return Problem(409, "release-conflict", str(error))
        case UnknownExperimentError():
            return Problem(404, "unknown-experiment", str(error))
        case ExperimentError():
            return Problem(409, "experiment-conflict", str(error))
        case ConfigError():
            log.error("%s", error)
            return Problem(503, "site-misconfigured", "the site's YAML has faults; the service's log lists them")
        case asyncpg.UndefinedTableError() | asyncpg.InvalidSchemaNameError():
            return Problem(
                503, "store-unavailable", "the database has no tables yet; run: python -m recsys.serving.migrate"
            )
        case SpoolFull():
            log.error("%s", error)
            return Problem(503, "no-room", f"{error}; send them again later", headers={"Retry-After": "30"})
        case _ if isinstance(error, (StoreError, *AWAY)):
            log.error("database: %s: %s", type(error).__name__, error)
            return Problem(
                503,
                "store-unavailable",
                "the database does not answer; try again in a moment",
                headers={"Retry-After": "2"},
            )
        case _:
            log.error("unexpected", exc_info=error)
            return Problem(500, "internal-error", "this is a fault of the service; its log has the details")


def _invalid(error: RequestValidationError) -> Problem:
    if error.body and isinstance(error.body, bytes):
        return Problem(415, "unsupported-media-type", "expected a body with the header Content-Type: application/json")
    faults = [_fault(fault) for fault in error.errors()]
    field, reason = faults[0]
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    return Problem(422, "invalid-request", f"{field}: {reason}{more}", errors=faults[:100])


def _fault(fault: Mapping[str, Any]) -> tuple[str, str]:
    if fault["type"] == "json_invalid":
        return "body", f"is not JSON, at character {fault['loc'][-1]}: {fault['ctx']['error']}"
    return _field(fault["loc"]), fault["msg"]


TAGS: Final = frozenset({"one", "many", "interaction", "item_update"})
"""Parts of a location that name one of our types, not a field of the request."""


def _field(location: Sequence[str | int]) -> str:
    """Where the fault is, in the words of the request: ``events[3].timestamp``, not the names of our types."""
    where, *parts = [part for part in location if part not in TAGS]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    return path.encode("ascii", "backslashreplace").decode() or str(where)


def _of_status(error: HTTPException) -> Problem:
    kind = {401: "unauthorized", 403: "forbidden", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}.get(
        error.status_code, "http-error"
    )
    return Problem(error.status_code, kind, str(error.detail), headers=error.headers)
