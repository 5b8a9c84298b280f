"""The questions that are asked most, answered ahead of the framework's general machinery, which takes longer than they.

Recommendations, purchase intent and click probability are read here where they are plainly right. Anything else (a
fault, an unknown parameter, a key that does not open it) goes the long way, which is the route as declared: it answers
the same, and says what is wrong.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.datastructures import State
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsys.errors import ConfigError
from recsys.sites import SiteConfig
from recsys.types import RequestId
from web_service.auth import Keys
from web_service.parameters import LISTS, CtrBody, IntentQuery, RecommendationQuery
from web_service.problems import Problem, as_problem, render
from web_service.responses import JSON
from web_service.routes import predictions, recommendations
from web_service.services import Services


class Way(NamedTuple):
    """One of these questions."""

    route: APIRoute
    "The long way."
    read: Callable[[bytes], Any]
    "From the query, or from the body of a POST; a ValueError where that is not plainly right."
    answer: Callable[[Services, SiteConfig, Any, RequestId], Awaitable[bytes]]


class Quick:
    """ASGI middleware, the innermost: what surrounds the long way surrounds this too."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        """``app`` is the long way; ``state`` holds its keys and, once it has started, its services."""
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is answered, here or the long way."""
        way = way_of(scope)
        site = None if way is None else self.site(scope)
        if way is None or site is None:
            await self._app(scope, receive, send)
            return
        said = scope["query_string"]
        if scope["method"] == "POST":
            said, receive = await _body(receive)
        try:
            question = way.read(said)
        except ValueError:
            await self._app(scope, receive, send)
            return
        scope["route"] = way.route
        try:
            body = await way.answer(self._state.services, site, question, scope["state"]["request_id"])
        except Exception as error:
            await render(Request(scope), as_problem(error))(scope, receive, send)
            return
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", JSON.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def site(self, scope: Scope) -> SiteConfig | None:
        """The site that is asked, where there is one and the request may ask it; else None."""
        keys: Keys = self._state.keys
        service: Services = self._state.services
        site: str = scope["path"].split("/")[2]
        scope["path_params"] = {"site": site}
        try:
            keys.require(scope, "read", site)
            return service.sites.get(site)
        except (Problem, ConfigError):
            return None


def way_of(scope: Scope) -> Way | None:
    """Which question it is, by method and address; None: none of these."""
    if scope["type"] != "http" or scope["root_path"]:
        return None
    before, _, rest = scope["path"].partition("/v1/")
    site, _, name = rest.partition("/")
    if before or not site:
        return None
    way = WAYS.get((scope["method"], name))
    if way is not None and scope["method"] == "POST" and AS_JSON not in scope["headers"]:
        return None
    return way


async def _body(receive: Receive) -> tuple[bytes, Receive]:
    """The body, and what gives the long way the same messages again."""
    messages: list[Message] = []
    more = True
    while more:
        messages.append(await receive())
        more = messages[-1].get("more_body", False)
    body = b"".join(message.get("body", b"") for message in messages)

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return body, again


def _read(question: type[RecommendationQuery | IntentQuery], lists: frozenset[str]) -> Callable[[bytes], Any]:
    """What reads a query; the parameters in ``lists`` may be given several times.

    It raises ValueError where the query is not ASCII, another parameter is given twice, or one is not as expected.
    """

    def read(query: bytes) -> Any:
        given: dict[str, Any] = {}
        for name, value in _pairs(query.decode("ascii")):
            if name in lists:
                given.setdefault(name, []).append(value)
            elif name in given:
                raise ValueError(name)
            else:
                given[name] = value
        return question.model_validate(given)

    return read


def _pairs(query: str) -> Iterable[tuple[str, str]]:
    """Names and values; taken apart here where nothing is escaped, as is usual and quicker."""
    if "%" in query or "+" in query:
        return parse_qsl(query, keep_blank_values=True)
    return [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)]


def _route(router: APIRouter, endpoint: Callable[..., Any]) -> APIRoute:
    return next(route for route in router.routes if isinstance(route, APIRoute) and route.endpoint is endpoint)


AS_JSON: Final = (b"content-type", JSON.encode())
WAYS: Final = {
    ("GET", "recommendations"): Way(
        _route(recommendations.router, recommendations.recommend),
        _read(RecommendationQuery, LISTS),
        recommendations.answer_question,
    ),
    ("GET", "intent"): Way(
        _route(predictions.router, predictions.intent),
        _read(IntentQuery, frozenset({"session"})),
        predictions.answer_intent,
    ),
    ("POST", "ctr"): Way(
        _route(predictions.router, predictions.ctr), CtrBody.model_validate_json, predictions.answer_ctr
    ),
}
