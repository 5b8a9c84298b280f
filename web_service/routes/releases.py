"""Releases: which there are, which is live, and moving it."""

import logging
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import httpx
from fastapi import APIRouter, BackgroundTasks, Body, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from recsys.events.model import Id
from recsys.layout import Settings
from recsys.serving import lifecycle, retirement
from recsys.serving.aliases import point_live
from recsys.serving.audit import changes
from recsys.serving.comparing import difference
from recsys.serving.contracts import LiveRelease, ReleaseChanges, ReleaseDifference, ReleaseList, ReleaseSummary
from web_service.auth import ANYBODY, Guarded, Key, needs
from web_service.examples import BEFORE, RELEASE
from web_service.services import InService, OfSite

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/{site}/releases", tags=["releases"], route_class=Guarded)


class Reason(BaseModel):
    """Why a release is changed."""

    reason: str = Field("", max_length=1000, description="Stands in the audit.", examples=["the sale begins"])


MOST: Final = "30s"
"""Longest that a statement of these routes may take, or wait."""
ADMIN: Final = [Depends(needs("admin"))]


async def _who(request: Request) -> str:
    """Who asks, as the audit names it."""
    key: Key = request.state.key
    named = "no key" if key is ANYBODY else f"key {key.key_id}"
    return f"{named}, from {request.client.host if request.client else 'an unknown address'}"


async def _why(body: Annotated[Reason | None, Body()] = None) -> Reason:
    return body or Reason()


Who = Annotated[str, Depends(_who)]
Why = Annotated[Reason, Depends(_why)]
OfRelease = Annotated[Id, Path(examples=[RELEASE])]


@router.get("", dependencies=[Depends(needs("read"))], summary="List releases")
def listing(site: OfSite, service: InService) -> ReleaseList:
    """The site's releases, newest first, and which one is live."""
    dsn = _dsn(service.settings)
    return ReleaseList(
        site=site.site, live=lifecycle.live_release(dsn, site.site), releases=lifecycle.releases(dsn, site.site)
    )


@router.get("/audit", dependencies=ADMIN, summary="Who changed what, when and why")
def audit(
    site: OfSite, service: InService, limit: Annotated[int, Query(ge=1, le=1000, examples=[20])] = 100
) -> ReleaseChanges:
    """Changes to the site's releases, newest first."""
    found = changes(_dsn(service.settings), site.site, limit=limit)
    return ReleaseChanges(site=site.site, changes=found)


@router.get("/{release_id}", dependencies=ADMIN, summary="Show a release")
def shown(site: OfSite, release_id: OfRelease, service: InService) -> dict[str, Any]:
    """Its summary, with `manifest` (where it came from) and `report` (how it was judged)."""
    return lifecycle.release_record(_dsn(service.settings), site.site, release_id)


@router.get("/{release_id}/diff", dependencies=ADMIN, summary="Compare two releases")
def compared(
    site: OfSite,
    release_id: OfRelease,
    other: Annotated[Id, Query(alias="with", description="The release that it is compared with.", examples=[BEFORE])],
    service: InService,
) -> ReleaseDifference:
    """What is different in this release: configuration, data, files, metrics, slates of a sample of users."""
    return difference(_dsn(service.settings), site.site, release_id, other)


@router.post("/rollback", dependencies=ADMIN, summary="Roll back to the release before")
def roll_back(site: OfSite, service: InService, by: Who, afterwards: BackgroundTasks, why: Why) -> LiveRelease:
    """The release before the live one answers again; repeat to go further back."""
    dsn = _dsn(service.settings)
    live = lifecycle.rollback(dsn, site.site, datetime.now(UTC), by=by, reason=why.reason)
    afterwards.add_task(_tell_mlflow, service.settings, live)
    return live


@router.post("/{release_id}/activate", dependencies=ADMIN, summary="Activate a release")
def activate(
    site: OfSite,
    release_id: OfRelease,
    service: InService,
    by: Who,
    afterwards: BackgroundTasks,
    why: Why,
) -> LiveRelease:
    """This release answers from now on."""
    dsn = _dsn(service.settings)
    live = lifecycle.activate(dsn, site.site, release_id, datetime.now(UTC), by=by, reason=why.reason)
    afterwards.add_task(_tell_mlflow, service.settings, live)
    return live


@router.post("/{release_id}/canary", dependencies=ADMIN, summary="Make a release a canary")
def canary(site: OfSite, release_id: OfRelease, service: InService, by: Who, why: Why) -> ReleaseSummary:
    """This gated release may answer beside the live one; no pointer moves."""
    dsn = _dsn(service.settings)
    lifecycle.start_canary(dsn, site.site, release_id, by=by, reason=why.reason)
    return lifecycle.release_summary(dsn, site.site, release_id)


@router.post("/{release_id}/retire", dependencies=ADMIN, summary="Retire a release")
def retire(site: OfSite, release_id: OfRelease, service: InService, by: Who, why: Why) -> ReleaseSummary:
    """It cannot be activated any more; the next maintenance drops its rows. Never the live one, nor the one before."""
    dsn = _dsn(service.settings)
    retirement.withdraw(dsn, site.site, release_id, by=by, reason=why.reason)
    return lifecycle.release_summary(dsn, site.site, release_id)


def _dsn(settings: Settings) -> str:
    """For changes and looks that are rare and may take longer than an answer, but not forever."""
    return f"{settings.postgres_dsn()}?options=-c%20statement_timeout%3D{MOST}%20-c%20lock_timeout%3D{MOST}"


def _tell_mlflow(settings: Settings, live: LiveRelease) -> None:
    """MLflow's alias follows the pointer; where MLflow does not answer, it does so at the next maintenance."""
    record = lifecycle.release_record(_dsn(settings), live.site, live.release_id)
    try:
        point_live(settings.tracking_uri, live.site, record["manifest"])
    except httpx.HTTPError as fault:
        log.warning("release %s is live, but MLflow's alias was not moved: %s", live.release_id, fault)
