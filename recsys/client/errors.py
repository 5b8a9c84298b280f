"""What the service answered instead, as errors that one can tell apart.

ServiceError
├── InvalidRequest   4xx: the request has faults; ``errors`` names the fields
├── NotPermitted     401, 403: no key, or one that opens something else
├── NotFound         404: no such site, item or release
├── RateLimited      429: too much was asked; ``retry_after`` says when to come again
└── Unavailable      5xx, or no answer at all: trying later helps
"""

from typing import Any, Final

import httpx

from recsys.errors import RecsysError


class ServiceError(RecsysError):
    """The web service did not answer as asked."""

    def __init__(self, detail: str, *, status: int = 0, problem: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        found = problem or {}
        self.status = status
        "0: there was no answer."
        self.kind = str(found.get("type", "")).rpartition(":")[2]
        "As in docs/api.md: invalid-request, unknown-site …; empty where the answer was no problem document."
        self.errors: list[dict[str, str]] = found.get("errors", [])
        "Faults of the input, each with ``field`` and ``reason``."
        self.request_id: str | None = found.get("request_id")
        "What to ask the service's log for."
        self.retry_after: float | None = None
        "Seconds, where the service said so."


class InvalidRequest(ServiceError):
    """The request has faults."""


class NotPermitted(ServiceError):
    """No key, or one that opens something else."""


class NotFound(ServiceError):
    """There is no such site, item or release."""


class RateLimited(ServiceError):
    """Too much was asked."""


class Unavailable(ServiceError):
    """The service cannot answer now, or was not reached."""


BY_STATUS: Final[dict[int, type[ServiceError]]] = {
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    429: RateLimited,
}


def error_of(response: httpx.Response) -> ServiceError:
    """The error that the answer is, with what its problem document says."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = None
    kind = BY_STATUS.get(response.status_code, Unavailable if response.status_code >= 500 else InvalidRequest)
    detail = (problem or {}).get("detail") or f"{response.status_code} {response.reason_phrase}"
    error = kind(str(detail), status=response.status_code, problem=problem)
    told = response.headers.get("Retry-After", "")
    error.retry_after = float(told) if told.isdecimal() else None
    return error
