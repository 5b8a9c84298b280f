"""Experiments: which there are, starting one, and ending it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Body, Depends, Path, Query

from recsys.serving import experiments
from recsys.serving.experiments import ExperimentHistory, ExperimentList, ExperimentRecord
from recsys.sites.experiment import Experiment
from recsys.types import SiteId
from web_service.auth import Guarded, needs
from web_service.examples import EXPERIMENT, RELEASE
from web_service.operating import ADMIN, Who, Why, rare_dsn, tell_mlflow
from web_service.services import InService, OfSite

router = APIRouter(prefix="/v1/{site}/experiments", tags=["experiments"], route_class=Guarded)

OfExperiment = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$", examples=[EXPERIMENT])]
EXAMPLES = {
    "a release against the live one": {
        "value": {
            "id": EXPERIMENT,
            "arms": [
                {"name": "live", "share": 0.5},
                {"name": "fresh", "share": 0.5, "release_id": RELEASE},
            ],
        }
    },
    "is personal worth it?": {
        "value": {
            "id": "personal",
            "arms": [{"name": "popular", "share": 0.5, "mode": "popular"}, {"name": "personal", "share": 0.5}],
            "ramp": [0.1],
            "metric": "conversion",
        }
    },
}


class PostedExperiment(Experiment):
    """An experiment as a client sends it."""

    site: SiteId = ""
    "That of the address."


@router.get("", dependencies=[Depends(needs("read"))], summary="List experiments")
def listing(site: OfSite, service: InService) -> ExperimentList:
    """The site's experiments, newest first: their arms, how far the ramp is, how they were judged."""
    found = experiments.experiments(rare_dsn(service.settings), site.site)
    return ExperimentList(site=site.site, experiments=tuple(found))


@router.post("", dependencies=ADMIN, status_code=201, summary="Start an experiment")
def start(
    site: OfSite, body: Annotated[PostedExperiment, Body(openapi_examples=EXAMPLES)], service: InService, by: Who
) -> ExperimentRecord:
    """It runs from now on, at the first step of its ramp. Every key is in docs/experiments.md."""
    asked = Experiment.model_validate(body.model_dump() | {"site": site.site})
    return experiments.start(rare_dsn(service.settings), asked, datetime.now(UTC), by=by)


@router.get("/{experiment_id}", dependencies=ADMIN, summary="Show an experiment")
def shown(site: OfSite, experiment_id: OfExperiment, service: InService) -> ExperimentHistory:
    """What it is, how it stands, and who did what with it."""
    return experiments.history(rare_dsn(service.settings), site.site, experiment_id)


@router.post("/{experiment_id}/promote", dependencies=ADMIN, summary="Make a challenger live")
def promote(
    site: OfSite,
    experiment_id: OfExperiment,
    service: InService,
    by: Who,
    why: Why,
    afterwards: BackgroundTasks,
    arm: Annotated[
        str | None, Query(description="Which challenger, where there are several.", examples=["fresh"])
    ] = None,
) -> ExperimentRecord:
    """The challenger's release is live, and the experiment is over."""
    record, live = experiments.promote(
        rare_dsn(service.settings), site.site, experiment_id, arm, datetime.now(UTC), reason=why.reason, by=by
    )
    if live is not None:
        afterwards.add_task(tell_mlflow, service.settings, live)
    return record


@router.post("/{experiment_id}/abort", dependencies=ADMIN, summary="Abort an experiment")
def abort(site: OfSite, experiment_id: OfExperiment, service: InService, by: Who, why: Why) -> ExperimentRecord:
    """Everybody is answered by what is live from now on."""
    reason, dsn = why.reason or "It was aborted.", rare_dsn(service.settings)
    return experiments.end(dsn, site.site, experiment_id, "aborted", datetime.now(UTC), reason=reason, by=by)
