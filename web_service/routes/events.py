"""Events in: accepted means durable, and the same event_id counts once."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from fastapi import APIRouter, Body, Depends, Header, Response
from pydantic import Discriminator, Field, Tag

from recsys.events.model import Id, Interaction, ItemUpdate, Moment
from recsys.serving.contracts import EventsAccepted
from recsys.sites import SiteConfig
from web_service.auth import Guarded, needs
from web_service.clock import now
from web_service.problems import Problem
from web_service.responses import as_json
from web_service.services import InService, OfSite

router = APIRouter(prefix="/v1/{site}", tags=["events"], route_class=Guarded, dependencies=[Depends(needs("write"))])

MOST_EVENTS = 1000
AHEAD = timedelta(minutes=5)
"A clock may be this much ahead of ours."


EventId = Annotated[
    Id,
    Field(
        default_factory=lambda: uuid4().hex,
        description="Send the same one again when you repeat a request; absent: one is made and returned.",
    ),
]
Timestamp = Annotated[
    Moment,
    Field(default_factory=now, description="When it happened, with a time zone; absent: now."),
]


class PostedInteraction(Interaction):
    """What a user did, as a client sends it."""

    event_id: EventId
    timestamp: Timestamp
    value: float | None = Field(default=None, strict=True, allow_inf_nan=False)


class PostedUpdate(ItemUpdate):
    """What became known of an item, as a client sends it."""

    event_id: EventId
    timestamp: Timestamp
    price: float | None = Field(default=None, ge=0, strict=True, allow_inf_nan=False)


def _kind(event: Any) -> str:
    """Without a kind it is an interaction; so is one of a strange kind, which then is the fault that is told."""
    kind = event.get("kind") if isinstance(event, dict) else getattr(event, "kind", None)
    return "item_update" if kind == "item_update" else "interaction"


PostedEvent = Annotated[
    Annotated[PostedInteraction, Tag("interaction")] | Annotated[PostedUpdate, Tag("item_update")],
    Discriminator(_kind),
]
Posted = Annotated[
    Annotated[PostedEvent, Tag("one")]
    | Annotated[list[PostedEvent], Field(min_length=1, max_length=MOST_EVENTS), Tag("many")],
    Discriminator(lambda body: "many" if isinstance(body, list) else "one"),
]

EXAMPLES = {
    "one": {"value": {"user_id": "u00042", "item_id": "i0007", "event_type": "view"}},
    "two, to be repeated safely": {
        "value": [
            {
                "event_id": "e-1",
                "timestamp": "2026-03-01T12:00:00Z",
                "user_id": "u00042",
                "item_id": "i0007",
                "event_type": "cart",
            },
            {
                "event_id": "e-2",
                "timestamp": "2026-03-01T12:01:00Z",
                "user_id": "u00042",
                "item_id": "i0007",
                "event_type": "purchase",
                "value": 19.9,
            },
        ]
    },
    "an item is sold out": {"value": {"kind": "item_update", "item_id": "i0007", "available": False}},
    "a new item": {
        "value": {
            "kind": "item_update",
            "event_id": "i-1",
            "item_id": "i1234",
            "title": "Red kettle",
            "category": "kitchen",
            "price": 39.9,
            "image": "https://example.org/i1234.jpg",
            "language": "en",
            "published_at": "2026-03-01T12:00:00Z",
            "attributes": {"brand": "Hob", "litres": 1.7},
        }
    },
}


@router.post("/events", status_code=202, response_model=EventsAccepted, summary="Tell what happened")
async def accept(
    site: OfSite,
    body: Annotated[Posted, Body(openapi_examples=EXAMPLES)],
    service: InService,
    idempotency_key: Annotated[
        str | None,
        Header(
            max_length=256,
            description="The same one again: the same events, also without event_id.",
            examples=["checkout-7f3a"],
        ),
    ] = None,
) -> Response:
    """One event, or a list of up to 1000: what users did, and what became known of items.

    All are accepted, or none where one has a fault. An item that is told to be unavailable is in no answer from now on.
    """
    many = isinstance(body, list)
    events: list[PostedInteraction | PostedUpdate] = body if isinstance(body, list) else [body]
    if idempotency_key:
        events = [_identified(event, f"{idempotency_key}.{place}") for place, event in enumerate(events)]
    faults = [
        (f"[{position}].{field}" if many else field, reason)
        for position, event in enumerate(events)
        for field, reason in _faults(site, event, now())
    ]
    if faults:
        raise Problem(422, "invalid-request", f"{faults[0][0]}: {faults[0][1]}", errors=faults[:100])
    accepted = await service.taking.take(site.site, events)
    duplicates = len(events) - accepted
    service.telemetry.count_events(site.site, accepted=accepted, duplicates=duplicates)
    event_ids = tuple(event.event_id for event in events)
    return as_json(EventsAccepted(accepted=accepted, duplicates=duplicates, event_ids=event_ids), status=202)


def _identified(event: PostedInteraction | PostedUpdate, request: str) -> PostedInteraction | PostedUpdate:
    """The event with an id that the same event of the same request has again, where it came without one."""
    if "event_id" in event.model_fields_set:
        return event
    said = event.model_dump_json(include=event.model_fields_set)
    return event.model_copy(update={"event_id": uuid5(NAMESPACE_OID, f"{request} {said}").hex})


def _faults(site: SiteConfig, event: Interaction | ItemUpdate, at: datetime) -> list[tuple[str, str]]:
    faults = []
    if isinstance(event, Interaction) and event.event_type not in site.event_types:
        faults.append(("event_type", f"found {event.event_type!a}, expected one of: {', '.join(site.event_types)}"))
    if event.timestamp > at + AHEAD:
        faults.append(
            (
                "timestamp",
                f"found {event.timestamp.isoformat()}, which is in the future; "
                f"expected at most {AHEAD.seconds // 60} minutes ahead of {at.isoformat(timespec='seconds')}",
            )
        )
    return faults
