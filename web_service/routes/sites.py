"""Sites: which are served here, and what their users can do."""

from fastapi import APIRouter, Depends, Request

from recsys.errors import ConfigError
from recsys.serving.contracts import SiteSummary
from recsys.types import SiteId
from web_service.auth import Guarded, Key, needs
from web_service.services import InService
from web_service.sites import SiteBook

router = APIRouter(prefix="/v1", tags=["sites"], route_class=Guarded, dependencies=[Depends(needs("read"))])


@router.get("/sites", summary="List sites")
async def listing(service: InService, request: Request) -> list[SiteSummary]:
    """The sites that are set up, as far as the key is for them; one whose YAML has faults is named with its fault."""
    key: Key = request.state.key
    return [_summary(service.sites, site) for site in service.sites.ids() if key.sees(site)]


def _summary(sites: SiteBook, site: SiteId) -> SiteSummary:
    try:
        config = sites.get(site)
    except ConfigError as fault:
        return SiteSummary(site=site, fault=str(fault))
    return SiteSummary(
        site=site,
        title=config.title or site,
        event_types=config.event_types,
        purchase_event=config.serving.purchase_event,
        exclude_bought=config.serving.exclude_bought,
    )
