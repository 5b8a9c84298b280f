"""The question that is asked most, answered ahead of the framework's general machinery, which takes longer than it.

``GET /v1/{site}/recommendations`` is read here where it is plainly right. Anything else (a fault, an unknown parameter,
a key that does not open it) goes the long way, which is the route as declared: it answers the same, and says what is
wrong.
"""

from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send

from recsys.errors import ConfigError
from recsys.sites import SiteConfig
from web_service.auth import Keys
from web_service.parameters import LISTS, RecommendationQuery
from web_service.problems import Problem, as_problem, render
from web_service.responses import JSON
from web_service.routes.recommendations import answer_question, recommend, router
from web_service.services import Services

ROUTE: Final = next(route for route in router.routes if isinstance(route, APIRoute) and route.endpoint is recommend)
BEFORE, AFTER = ROUTE.path.split("{site}")


class Quick:
    """ASGI middleware, the innermost: what surrounds the long way surrounds this too."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        """``app`` is the long way; ``state`` holds its keys and, once it has started, its services."""
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is answered, here or the long way."""
        asked = self.read(scope)
        if asked is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = ROUTE
        try:
            body = await answer_question(self._state.services, *asked, scope["state"]["request_id"])
        except Exception as error:
            await render(Request(scope), as_problem(error))(scope, receive, send)
            return
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", JSON.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def read(self, scope: Scope) -> tuple[SiteConfig, RecommendationQuery] | None:
        """Of which site what is asked, where it is the question, allowed and plainly right; else None."""
        if not _is_the_question(scope):
            return None
        keys: Keys = self._state.keys
        service: Services = self._state.services
        site: str = scope["path"][len(BEFORE) : -len(AFTER)]
        scope["path_params"] = {"site": site}
        try:
            keys.require(scope, "read", site)
            return service.sites.get(site), RecommendationQuery.model_validate(_values(scope["query_string"]))
        except (Problem, ConfigError, ValueError):
            return None


def _is_the_question(scope: Scope) -> bool:
    """Whether it is the question by method and address."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["root_path"]:
        return False
    path: str = scope["path"]
    return path.startswith(BEFORE) and path.endswith(AFTER) and "/" not in path[len(BEFORE) : -len(AFTER)]


def _values(query: bytes) -> dict[str, Any]:
    """The parameters by name, lists as lists.

    Raises:
        ValueError: not ASCII, or a parameter that is given twice and is no list.
    """
    given: dict[str, Any] = {}
    for name, value in parse_qsl(query.decode("ascii"), keep_blank_values=True):
        if name in LISTS:
            given.setdefault(name, []).append(value)
        elif name in given:
            raise ValueError(name)
        else:
            given[name] = value
    return given
