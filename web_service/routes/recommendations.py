"""Recommendations for a user, or for an anonymous session."""

import time
from datetime import datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Body, Depends, Query, Request, Response

from recsys.serving.contracts import Answer, AnswerBatch
from recsys.serving.impressions import Failed, ShownAs, as_shown
from recsys.sites import SiteConfig
from recsys.types import RequestId
from web_service import clock
from web_service.answering import Answered, Wish, answer
from web_service.answering_many import answer_many
from web_service.arms import UNTREATED
from web_service.auth import Guarded, needs
from web_service.parameters import BatchBody, RecommendationBody, RecommendationQuery, SessionQuery
from web_service.problems import Problem
from web_service.responses import JSON, as_bytes
from web_service.services import InService, OfSite, Services
from web_service.sessions import continued

router = APIRouter(
    prefix="/v1/{site}", tags=["recommendations"], route_class=Guarded, dependencies=[Depends(needs("read"))]
)

EXAMPLES = {
    "known user": {"value": {"user_id": "u00042", "k": 5}},
    "just looked at two items": {"value": {"user_id": "u00042", "recent": ["i0007", "i0012"], "k": 5}},
    "one category, without an item": {"value": {"k": 5, "category": "Books", "exclude": ["i0007"]}},
    "the second page of what is new to them, between two prices": {
        "value": {"user_id": "u00042", "k": 10, "offset": 10, "hide": ["seen"], "min_price": 5, "max_price": 50}
    },
}
BATCH_EXAMPLES = {
    "three users": {"value": {"user_ids": ["u00042", "u00043", "u00044"], "k": 5}},
    "a mailing of what is new to them": {"value": {"user_ids": ["u00042"], "hide": ["seen"], "max_price": 50}},
}


@router.get("/recommendations", response_model=Answer, summary="Recommend items")
async def recommend(
    site: OfSite, query: Annotated[RecommendationQuery, Query()], service: InService, request: Request
) -> Response:
    """Items for a user: the offline slate blended with what the user did a moment ago.

    Always ``k`` items while the catalogue has enough that may be shown. Each says its source and because of what.
    """
    return Response(await answer_question(service, site, query, request.state.request_id), media_type=JSON)


@router.post("/recommendations", response_model=Answer, summary="Recommend items, asked with a body")
async def recommend_for_body(
    site: OfSite,
    body: Annotated[RecommendationBody, Body(openapi_examples=EXAMPLES)],
    service: InService,
    request: Request,
) -> Response:
    """The same with a JSON body, for long lists and ids that hold commas."""
    return Response(await answer_question(service, site, body, request.state.request_id), media_type=JSON)


@router.post("/recommendations/batch", response_model=AnswerBatch, summary="Recommend items to many users")
async def recommend_to_many(
    site: OfSite,
    body: Annotated[BatchBody, Body(openapi_examples=BATCH_EXAMPLES)],
    service: InService,
    request: Request,
) -> Response:
    """The same wish for up to 1,000 users: the answer that each would get alone, as for a mailing.

    Each answer counts as shown, and has a request_id of its own to be sent with what its user then does.
    """
    now, asked = clock.now(), vars(body).copy()
    user_ids = asked.pop("user_ids")
    wish = Wish(user_id=None, **asked)
    request_id: RequestId = request.state.request_id
    answers = []
    async for found in answer_many(service.standing, site, wish, user_ids, request_id=request_id, now=now):
        answers.append(orjson.Fragment(_sent(service, found, wish, now)))
    return Response(orjson.dumps({"request_id": request_id, "site": site.site, "answers": answers}), media_type=JSON)


@router.get("/session", response_model=Answer, summary="Continue an anonymous session")
async def continue_session(
    site: OfSite, query: Annotated[SessionQuery, Query()], service: InService, request: Request
) -> Response:
    """Next items for an anonymous visitor who looked at ``items``, which are repeated only where the site allows it.

    The model that is live for sessions says which, best first; then, or where the site has none, what is similar.
    """
    again = site.serving.session_repeats
    asked = vars(query).copy()
    recent = asked.pop("items")
    if not again:
        asked["exclude"] = [*query.exclude, *recent]
    wish = Wish(**asked, user_id=None, mode="online", recent=recent, repeats=again)
    now, began = clock.now(), time.perf_counter()
    found = await continued(
        service.standing, service.predictors, site, wish, request_id=request.state.request_id, now=now
    )
    service.telemetry.count_session(found.answer)
    body = _sent(service, found, wish, now, took_ms=(time.perf_counter() - began) * 1000, surface="session")
    return Response(body, media_type=JSON)


async def answer_question(
    service: Services, site: SiteConfig, question: RecommendationQuery | RecommendationBody, request_id: RequestId
) -> bytes:
    """The answer as JSON; it is counted, and will be written down as an impression."""
    return await _answer(service, site, Wish(**vars(question)), request_id)


async def _answer(service: Services, site: SiteConfig, wish: Wish, request_id: RequestId) -> bytes:
    now, began = clock.now(), time.perf_counter()
    try:
        found = await answer(service.standing, site, wish, request_id=request_id, now=now, ranking=service.ranking)
    except Problem:
        raise
    except Exception:
        arm = service.standing.treatment(site.site, wish.user_id).label
        if wish.user_id is not None and arm != UNTREATED.label:
            service.impressions.note(Failed(site.site, wish.user_id, arm, now))
        raise
    return _sent(service, found, wish, now, took_ms=(time.perf_counter() - began) * 1000)


def _sent(
    service: Services,
    found: Answered,
    wish: Wish,
    now: datetime,
    *,
    took_ms: float | None = None,
    surface: ShownAs = "recommendations",
) -> bytes:
    """The answer as JSON; it is counted, and will be written down as an impression."""
    service.telemetry.count_answer(found.answer, wish.mode, wish.k, asker=found.asker, from_tables=found.from_tables)
    body = as_bytes(found.answer)
    if found.answer["items"]:
        service.impressions.note(as_shown(found.answer, now, took_ms, surface))
    return body
