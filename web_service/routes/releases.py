"""Releases: which there are, which is live, and moving it."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Body, Depends, Path, Query
from pydantic import Field

from recsys.events.model import Id
from recsys.serving import lifecycle, retirement
from recsys.serving.audit import changes
from recsys.serving.comparing import difference
from recsys.serving.contracts import (
    RECOMMENDATIONS,
    LiveRelease,
    ReleaseChanges,
    ReleaseDifference,
    ReleaseList,
    ReleaseSummary,
    Surface,
)
from web_service.auth import Guarded, needs
from web_service.examples import BEFORE, RELEASE
from web_service.operating import ADMIN, Reason, Who, Why, rare_dsn, tell_mlflow
from web_service.services import InService, OfSite

router = APIRouter(prefix="/v1/{site}/releases", tags=["releases"], route_class=Guarded)


OfRelease = Annotated[Id, Path(examples=[RELEASE])]


class RollBack(Reason):
    """Of what, and why."""

    surface: Surface = Field(RECOMMENDATIONS, description="What is answered by it.", examples=["intent"])


async def _roll_back(body: Annotated[RollBack | None, Body()] = None) -> RollBack:
    return body or RollBack()


@router.get("", dependencies=[Depends(needs("read"))], summary="List releases")
def listing(
    site: OfSite,
    service: InService,
    surface: Annotated[
        Surface | None, Query(description="Releases that answer this alone.", examples=[RECOMMENDATIONS])
    ] = None,
) -> ReleaseList:
    """The site's releases, newest first, and which are live: one for each surface that has any."""
    dsn = rare_dsn(service.settings)
    pointers = lifecycle.pointers(dsn, site.site)
    return ReleaseList(
        site=site.site,
        live=next((each for each in pointers if each.surface == RECOMMENDATIONS), None),
        releases=lifecycle.releases(dsn, site.site, surface=surface),
        pointers=tuple(pointers),
    )


@router.get("/audit", dependencies=ADMIN, summary="Who changed what, when and why")
def audit(
    site: OfSite, service: InService, limit: Annotated[int, Query(ge=1, le=1000, examples=[20])] = 100
) -> ReleaseChanges:
    """Changes to the site's releases, newest first."""
    found = changes(rare_dsn(service.settings), site.site, limit=limit)
    return ReleaseChanges(site=site.site, changes=found)


@router.get("/{release_id}", dependencies=ADMIN, summary="Show a release")
def shown(site: OfSite, release_id: OfRelease, service: InService) -> dict[str, Any]:
    """Its summary, with `manifest` (where it came from) and `report` (how it was judged)."""
    return lifecycle.release_record(rare_dsn(service.settings), site.site, release_id)


@router.get("/{release_id}/diff", dependencies=ADMIN, summary="Compare two releases")
def compared(
    site: OfSite,
    release_id: OfRelease,
    other: Annotated[Id, Query(alias="with", description="The release that it is compared with.", examples=[BEFORE])],
    service: InService,
) -> ReleaseDifference:
    """What is different in this release: configuration, data, files, metrics, slates of a sample of users."""
    return difference(rare_dsn(service.settings), site.site, release_id, other)


@router.post("/rollback", dependencies=ADMIN, summary="Roll back to the release before")
def roll_back(
    site: OfSite,
    service: InService,
    by: Who,
    afterwards: BackgroundTasks,
    wish: Annotated[RollBack, Depends(_roll_back)],
) -> LiveRelease:
    """The release before the live one of that surface answers again; repeat to go further back."""
    dsn = rare_dsn(service.settings)
    now = datetime.now(UTC)
    live = lifecycle.rollback(dsn, site.site, now, surface=wish.surface, by=by, reason=wish.reason)
    afterwards.add_task(tell_mlflow, service.settings, live)
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
    dsn = rare_dsn(service.settings)
    live = lifecycle.activate(dsn, site.site, release_id, datetime.now(UTC), by=by, reason=why.reason)
    afterwards.add_task(tell_mlflow, service.settings, live)
    return live


@router.post("/{release_id}/canary", dependencies=ADMIN, summary="Make a release a canary")
def canary(site: OfSite, release_id: OfRelease, service: InService, by: Who, why: Why) -> ReleaseSummary:
    """This gated release of recommendations may answer beside the live one; no pointer moves."""
    dsn = rare_dsn(service.settings)
    lifecycle.start_canary(dsn, site.site, release_id, by=by, reason=why.reason)
    return lifecycle.release_summary(dsn, site.site, release_id)


@router.post("/{release_id}/retire", dependencies=ADMIN, summary="Retire a release")
def retire(site: OfSite, release_id: OfRelease, service: InService, by: Who, why: Why) -> ReleaseSummary:
    """It cannot be activated any more; the next maintenance drops its rows. Never the live one, nor the one before."""
    dsn = rare_dsn(service.settings)
    retirement.withdraw(dsn, site.site, release_id, by=by, reason=why.reason)
    return lifecycle.release_summary(dsn, site.site, release_id)
