"""Is it alive, is it ready, what does it measure. HEAD is answered as GET is, without the body."""

from fastapi import APIRouter, Request, Response

from recsys.serving.contracts import RECOMMENDATIONS, Readiness
from recsys.serving.readiness import missing_migrations
from recsys.serving.telling import live_releases
from web_service.responses import as_json
from web_service.services import InService, Services
from web_service.standing import UNREADABLE

router = APIRouter(tags=["health"])


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live", summary="Alive?")
async def alive() -> dict[str, str]:
    """The process answers; nothing else was looked at."""
    return {"status": "alive"}


@router.head("/health/ready", include_in_schema=False)
@router.get("/health/ready", summary="Ready?", response_model=Readiness, responses={503: {"model": Readiness}})
async def ready(service: InService, request: Request) -> Response:
    """Requests can be answered (else 503): from the database, or without it from the snapshots of this host.

    A process that is about to end is not ready. The live releases are told where no key is needed, or one for all sites
    came with the question.
    """
    leaving = request.app.state.draining.begun
    found = Readiness(ready=False, detail="the service is about to end") if leaving else await _readiness(service)
    if not request.app.state.keys.oversees(request.scope):
        found = found.model_copy(update={"live_releases": {}})
    return as_json(found, 200 if found.ready else 503)


@router.head("/metrics", include_in_schema=False)
@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
async def metrics(service: InService) -> Response:
    """Everything measured, in Prometheus' text form."""
    return Response(service.telemetry.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _readiness(service: Services) -> Readiness:
    try:
        missing = await missing_migrations(service.pool, service.migrations)
        if missing:
            detail = f"the database lacks {', '.join(missing)}; run: python -m recsys.serving.migrate"
            return Readiness(ready=False, postgres=True, migrated=False, detail=detail)
        live = await live_releases(service.pool, RECOMMENDATIONS)
    except UNREADABLE as fault:
        return _without_database(service, type(fault).__name__)
    sites = {site: live[site].release_id if site in live else None for site in service.sites.ids()}
    unread = service.predictors.missing
    detail = f"{unread} of the live models of predictors are not in memory; the log says why" if unread else ""
    return Readiness(ready=True, postgres=True, migrated=True, live_releases=sites, detail=detail)


def _without_database(service: Services, fault: str) -> Readiness:
    live = service.standing.live()
    heard_at = service.standing.heard_at
    since = f"last heard at {heard_at.isoformat(timespec='seconds')}" if heard_at else "not heard since the start"
    detail = f"the database does not answer ({fault}; {since})"
    if predicted := service.predictors.from_disk:
        detail += f"; predicting from this host's disk: {', '.join(predicted)}"
    if not live:
        return Readiness(ready=False, detail=detail)
    return Readiness(
        ready=True, live_releases=live, detail=f"{detail}; answering from snapshots, events wait on this host's disk"
    )
