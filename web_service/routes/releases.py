"""Releases: which there are, which is live, and moving it."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, Path, Query

from recsys.events.model import Id
from recsys.serving import lifecycle, retirement
from recsys.serving.audit import changes
from recsys.serving.comparing import difference
from recsys.serving.contracts import LiveRelease, ReleaseChanges, ReleaseDifference, ReleaseList, ReleaseSummary
from web_service.auth import Guarded, needs
from web_service.examples import BEFORE, RELEASE
from web_service.operating import ADMIN, Who, Why, rare_dsn, tell_mlflow
from web_service.services import InService, OfSite

router = APIRouter(prefix="/v1/{site}/releases", tags=["releases"], route_class=Guarded)


OfRelease = Annotated[Id, Path(examples=[RELEASE])]


@router.get("", dependencies=[Depends(needs("read"))], summary="List releases")
def listing(site: OfSite, service: InService) -> ReleaseList:
    """The site's releases, newest first, and which one is live."""
    dsn = rare_dsn(service.settings)
    return ReleaseList(
        site=site.site, live=lifecycle.live_release(dsn, site.site), releases=lifecycle.releases(dsn, site.site)
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
def roll_back(site: OfSite, service: InService, by: Who, afterwards: BackgroundTasks, why: Why) -> LiveRelease:
    """The release before the live one answers again; repeat to go further back."""
    dsn = rare_dsn(service.settings)
    live = lifecycle.rollback(dsn, site.site, datetime.now(UTC), by=by, reason=why.reason)
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
    """This gated release may answer beside the live one; no pointer moves."""
    dsn = rare_dsn(service.settings)
    lifecycle.start_canary(dsn, site.site, release_id, by=by, reason=why.reason)
    return lifecycle.release_summary(dsn, site.site, release_id)


@router.post("/{release_id}/retire", dependencies=ADMIN, summary="Retire a release")
def retire(site: OfSite, release_id: OfRelease, service: InService, by: Who, why: Why) -> ReleaseSummary:
    """It cannot be activated any more; the next maintenance drops its rows. Never the live one, nor the one before."""
    dsn = rare_dsn(service.settings)
    retirement.withdraw(dsn, site.site, release_id, by=by, reason=why.reason)
    return lifecycle.release_summary(dsn, site.site, release_id)
