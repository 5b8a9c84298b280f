"""What an operator may do with a site's experiments: look, start, promote, abort."""

from typing import Any

from pydantic import ValidationError

from recsys.errors import ConfigError, ExperimentError
from recsys.serving import experiments
from recsys.serving.audit import LIBRARY
from recsys.serving.experiments import ExperimentRecord
from recsys.sites.experiment import Experiment
from recsys.stages import change_release
from recsys.stages.context import StageContext, open_context
from recsys.types import SiteId


def listed(*, site: SiteId, context: StageContext | None = None) -> list[ExperimentRecord]:
    """The site's experiments, newest first. Raises UnknownSiteError."""
    context = context or open_context()
    context.site(site)
    return experiments.experiments(context.dsn, site)


def shown(*, site: SiteId, experiment_id: str, context: StageContext | None = None) -> dict[str, Any]:
    """What it is, how it stands, and what was done with it. Raises ExperimentError when it is unknown."""
    context = context or open_context()
    context.site(site)
    record = experiments.experiment(context.dsn, site, experiment_id)
    history = experiments.changes(context.dsn, site, experiment_id)
    return {**record.model_dump(mode="json"), "history": [change.model_dump(mode="json") for change in history]}


def start(
    *,
    site: SiteId,
    definition: dict[str, Any],
    by: str = LIBRARY,
    reason: str = "",
    context: StageContext | None = None,
) -> ExperimentRecord:
    """The experiment runs from now on.

    Args:
        site: whose.
        definition: keys of Experiment; ``site`` may be left out.
        by: who started it.
        reason: why.
        context: stores; by default those of the environment.

    Raises:
        ConfigError: the definition cannot be run; the message names the key.
        ExperimentError: one of that name exists, or one that runs could claim the same users.
        ReleaseError: a release of an arm cannot answer.
    """
    context = context or open_context()
    config = context.site(site)
    try:
        experiment = Experiment.model_validate({"site": config.site, **definition})
    except ValidationError as fault:
        first = fault.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"experiment: {f'{key}: ' if key else ''}{first['msg']}") from fault
    if experiment.site != site:
        raise ConfigError(f"experiment: found site {experiment.site!r}, expected {site!r}")
    return experiments.start(context.dsn, experiment, context.now(), by=by, reason=reason)


def promote(
    *,
    site: SiteId,
    experiment_id: str,
    arm: str | None = None,
    by: str = LIBRARY,
    reason: str = "",
    context: StageContext | None = None,
) -> ExperimentRecord:
    """The arm's release is live, and the experiment is over. An arm without a release ends it and changes nothing.

    Args:
        site: whose.
        experiment_id: one that runs.
        arm: which challenger; by default the only one.
        by: who says so.
        reason: why.
        context: stores; by default those of the environment.

    Raises:
        ExperimentError: it does not run, or has no such challenger.
        ReleaseError: the release cannot go live.
    """
    context = context or open_context()
    context.site(site)
    record = experiments.experiment(context.dsn, site, experiment_id)
    if record.state != "running":
        raise ExperimentError(f"experiment {experiment_id!r}: found it {record.state}, expected one that is running")
    challengers = {each.name: each for each in record.experiment.challengers}
    if arm is None and len(challengers) > 1:
        raise ExperimentError(f"experiment {experiment_id!r}: found no arm, expected one of: {', '.join(challengers)}")
    chosen = challengers.get(arm) if arm is not None else next(iter(challengers.values()))
    if chosen is None:
        raise ExperimentError(f"experiment {experiment_id!r}: found arm {arm!r}, expected: {', '.join(challengers)}")
    told = reason or f"{chosen.name} was promoted."
    if chosen.release_id is not None:
        change_release.activate(site=site, release_id=chosen.release_id, by=by, reason=told, context=context)
    return experiments.end(context.dsn, site, experiment_id, "promoted", context.now(), reason=told, by=by)


def abort(
    *,
    site: SiteId,
    experiment_id: str,
    by: str = LIBRARY,
    reason: str = "",
    context: StageContext | None = None,
) -> ExperimentRecord:
    """Everybody is answered by what is live; canaries are put aside. Raises ExperimentError when it does not run."""
    context = context or open_context()
    context.site(site)
    told = reason or "It was aborted."
    return experiments.end(context.dsn, site, experiment_id, "aborted", context.now(), reason=told, by=by)
