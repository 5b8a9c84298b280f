"""Releases: which there are, which is live, and moving it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from recsys.events.model import Id
from recsys.serving import lifecycle
from recsys.serving.contracts import LiveRelease, ReleaseList
from web_service.auth import needs
from web_service.services import InService, OfSite

router = APIRouter(prefix="/v1/{site}/releases", tags=["releases"])


@router.get("", dependencies=[Depends(needs("read"))], summary="List releases")
def listing(site: OfSite, service: InService) -> ReleaseList:
    """The site's releases, newest first, and which one is live."""
    dsn = service.settings.postgres_dsn()
    return ReleaseList(
        site=site.site, live=lifecycle.live_release(dsn, site.site), releases=lifecycle.releases(dsn, site.site)
    )


@router.post("/rollback", dependencies=[Depends(needs("admin"))], summary="Roll back to the release before")
def roll_back(site: OfSite, service: InService) -> LiveRelease:
    """The release before the live one answers again; repeat to go further back."""
    return lifecycle.rollback(service.settings.postgres_dsn(), site.site, datetime.now(UTC))


@router.post("/{release_id}/activate", dependencies=[Depends(needs("admin"))], summary="Activate a release")
def activate(site: OfSite, release_id: Annotated[Id, Path()], service: InService) -> LiveRelease:
    """This release answers from now on."""
    return lifecycle.activate(service.settings.postgres_dsn(), site.site, release_id, datetime.now(UTC))
