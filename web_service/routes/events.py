"""Events in: accepted means durable, and the same event_id counts once."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Body, Depends, Response
from pydantic import AwareDatetime, Discriminator, Field, Tag

from recsys.events.model import Id, Interaction
from recsys.serving.contracts import EventsAccepted
from recsys.serving.feedback import record_events
from recsys.sites import SiteConfig
from web_service.auth import needs
from web_service.problems import Problem
from web_service.responses import as_json
from web_service.services import InService, OfSite

router = APIRouter(prefix="/v1/{site}", tags=["events"], dependencies=[Depends(needs("write"))])

MOST_EVENTS = 1000
AHEAD = timedelta(minutes=5)
"A clock may be this much ahead of ours."


class PostedEvent(Interaction):
    """An interaction as a client sends it."""

    event_id: Id = Field(
        default_factory=lambda: uuid4().hex,
        description="Send the same one again when you repeat a request; absent: one is made and returned.",
    )
    timestamp: AwareDatetime = Field(
        default_factory=lambda: datetime.now(UTC), description="When it happened, with a time zone; absent: now."
    )


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
}


@router.post("/events", status_code=202, response_model=EventsAccepted, summary="Tell what users did")
async def accept(
    site: OfSite,
    body: Annotated[Posted, Body(openapi_examples=EXAMPLES)],
    service: InService,
) -> Response:
    """One event, or a list of up to 1000. All are accepted, or none where one has a fault."""
    many = isinstance(body, list)
    events: list[PostedEvent] = body if isinstance(body, list) else [body]
    faults = [
        (f"[{position}].{field}" if many else field, reason)
        for position, event in enumerate(events)
        for field, reason in _faults(site, event, datetime.now(UTC))
    ]
    if faults:
        raise Problem(422, "invalid-request", f"{faults[0][0]}: {faults[0][1]}", errors=faults[:100])
    recorded = await record_events(service.pool, site.site, events)
    service.telemetry.count_events(site.site, accepted=recorded.accepted, duplicates=recorded.duplicates)
    event_ids = tuple(event.event_id for event in events)
    return as_json(
        EventsAccepted(accepted=recorded.accepted, duplicates=recorded.duplicates, event_ids=event_ids), status=202
    )


def _faults(site: SiteConfig, event: Interaction, now: datetime) -> list[tuple[str, str]]:
    faults = []
    if event.event_type not in site.event_types:
        faults.append(("event_type", f"found {event.event_type!a}, expected one of: {', '.join(site.event_types)}"))
    if event.timestamp > now + AHEAD:
        faults.append(
            (
                "timestamp",
                f"found {event.timestamp.isoformat()}, which is in the future; "
                f"expected at most {AHEAD.seconds // 60} minutes ahead of {now.isoformat(timespec='seconds')}",
            )
        )
    return faults
