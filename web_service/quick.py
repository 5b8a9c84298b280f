"""The question that is asked most, without the general machinery of the framework, which takes longer than the answer.

``QuickRoute`` reads the query string itself when it is plainly right. Anything else — a fault, an unknown parameter, no
key — goes the long way, which is the route as declared: it answers the same, and says what is wrong.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import ValidationError

from web_service.auth import Keys
from web_service.parameters import RecommendationQuery
from web_service.problems import Problem

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
LISTS: Final = ("exclude", "recent")


class QuickRoute(APIRoute):
    """A route for ``RecommendationQuery``, whose endpoint takes site, query, service and request."""

    def get_route_handler(self) -> Handler:
        """The endpoint called at once, or the long way."""
        long_way = super().get_route_handler()
        endpoint = self.endpoint

        async def quickly(request: Request) -> Response:
            query = _read(request)
            if query is None:
                return await long_way(request)
            service = request.app.state.services
            site = service.sites.get(request.path_params["site"])
            response: Response = await endpoint(site=site, query=query, service=service, request=request)
            return response

        return quickly


def _read(request: Request) -> RecommendationQuery | None:
    """The question, where it is allowed and plainly right."""
    keys: Keys = request.app.state.keys
    try:
        keys.require(request, "read")
        given: dict[str, Any] = {}
        for name, value in parse_qsl(request.scope["query_string"].decode("ascii"), keep_blank_values=True):
            if name in LISTS:
                given.setdefault(name, []).append(value)
            elif name in given:
                return None
            else:
                given[name] = value
        return RecommendationQuery.model_validate(given)
    except (Problem, ValidationError, UnicodeDecodeError):
        return None
