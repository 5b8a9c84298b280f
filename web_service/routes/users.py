"""Users: what they did, and forgetting them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from recsys.events.model import Id, Interaction
from recsys.serving.contracts import Erased
from recsys.serving.feedback import erase_user, user_events
from recsys.types import UserId
from web_service import clock
from web_service.answering import require_live
from web_service.auth import Guarded, needs
from web_service.parameters import EventsQuery, UsersQuery
from web_service.services import InService, OfSite

router = APIRouter(prefix="/v1/{site}", tags=["users"], route_class=Guarded)

OneUser = Annotated[Id, Path(examples=["u00042"])]


@router.get("/users", dependencies=[Depends(needs("read"))], summary="Some users")
async def some_users(site: OfSite, query: Annotated[UsersQuery, Query()], service: InService) -> list[UserId]:
    """Some users that the live release knows, others at each call: a start for trying things out."""
    return await require_live(service.standing, site).users(limit=query.limit)


@router.get("/users/{user_id:path}/events", dependencies=[Depends(needs("read"))], summary="What a user did")
async def events(
    site: OfSite, user_id: OneUser, query: Annotated[EventsQuery, Query()], service: InService
) -> list[Interaction]:
    """The user's last events that came in through this API, newest first; an unknown user has none."""
    return await user_events(service.pool, site.site, user_id, query.limit)


@router.delete("/users/{user_id:path}", dependencies=[Depends(needs("admin"))], summary="Forget a user")
async def erase(site: OfSite, user_id: OneUser, service: InService) -> Erased:
    """Forgets the user: events, impressions and slates are deleted now, and no release brings them back."""
    erased, news = await erase_user(service.pool, site.site, user_id, clock.now())
    service.standing.heed(news)
    return erased
