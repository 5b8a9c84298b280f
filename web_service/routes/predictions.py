"""Predictions: whether a session buys, whether an impression is clicked."""

from datetime import datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Body, Depends, Query, Request, Response

from recsys.errors import MissingColumns
from recsys.serving.contracts import ClickPredictions, IntentPrediction
from recsys.serving.live_sessions import session_of
from recsys.serving.predicting.session import SessionEvent, SessionRules
from recsys.sites import SiteConfig
from recsys.types import RequestId
from web_service import clock
from web_service.auth import Guarded, needs
from web_service.parameters import CtrBody, IntentQuery
from web_service.problems import Problem
from web_service.responses import JSON
from web_service.services import InService, OfSite, Services

router = APIRouter(
    prefix="/v1/{site}", tags=["predictions"], route_class=Guarded, dependencies=[Depends(needs("read"))]
)

ROW = {
    "timestamp": "2026-03-01T12:00:00Z",
    "user_id": "u00042",
    "item_id": "i0007",
    "position": 1,
    "slate_size": 10,
    "category": "kitchen",
    "price": 39.9,
}


@router.get("/intent", response_model=IntentPrediction, summary="Will this session buy?")
async def intent(
    site: OfSite, query: Annotated[IntentQuery, Query()], service: InService, request: Request
) -> Response:
    """The probability that a session goes on to a purchase, given what happened in it so far.

    The session is told by the types of its events, or it is the one that the user is in.
    """
    return Response(await answer_intent(service, site, query, request.state.request_id), media_type=JSON)


@router.post("/ctr", response_model=ClickPredictions, summary="Will these impressions be clicked?")
async def ctr(
    site: OfSite,
    body: Annotated[CtrBody, Body(openapi_examples={"one impression": {"value": {"rows": [ROW]}}})],
    service: InService,
    request: Request,
) -> Response:
    """One probability for each raw row, in the order sent; nothing is counted or encoded by the client.

    A row has the columns that the model was trained on; a value may be null, or one never seen, and others are ignored.
    """
    return Response(await answer_ctr(service, site, body, request.state.request_id), media_type=JSON)


async def answer_intent(service: Services, site: SiteConfig, query: IntentQuery, _: RequestId) -> bytes:
    """An ``IntentPrediction`` as JSON; it is counted."""
    with service.telemetry.asked(site.site, "intent"):
        model = await service.predictors.intent(site.site)
        if query.user_id is None or query.session:
            session = [SessionEvent(event_type) for event_type in query.session]
        else:
            session = await _of_user(service, site, query.user_id, model.rules, clock.now())
        said = await service.predictors.bought(site.site, model, session)
    return orjson.dumps({"purchase_probability": said, "model_version": model.version})


async def answer_ctr(service: Services, site: SiteConfig, body: CtrBody, _: RequestId) -> bytes:
    """``ClickPredictions`` as JSON; each is counted."""
    try:
        with service.telemetry.asked(site.site, "ctr"):
            model = await service.predictors.ctr(site.site)
            said = await service.predictors.clicked(site.site, model, body.rows)
    except MissingColumns as fault:
        faults = [(f"rows.{name}", "Column is missing") for name in fault.columns]
        raise Problem(422, "invalid-request", str(fault), errors=faults) from None
    predictions = [{"click_probability": each} for each in said]
    return orjson.dumps({"predictions": predictions, "model_version": model.version})


async def _of_user(
    service: Services, site: SiteConfig, user_id: str, rules: SessionRules, now: datetime
) -> list[SessionEvent]:
    """The user's session that is not over, with what is known of its items; empty where there is none."""
    told = service.standing.told(site.site)
    session = await session_of(service.pool, site.site, told, user_id, rules, now)
    reader = service.standing.reader(site.site)
    unknown = {event.item_id for event in session if event.item_id and None in (event.category, event.price)}
    if reader is None or not unknown:
        return session
    known = await reader.items(sorted(unknown))
    return [
        event
        if (item := known.get(event.item_id or "")) is None
        else event.of_item(
            item.category if event.category is None else event.category,
            item.price if event.price is None else event.price,
        )
        for event in session
    ]
