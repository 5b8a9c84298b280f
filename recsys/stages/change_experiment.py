"""What an operator may do with a site's experiments: look, start, promote, abort."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from recsys.errors import ConfigError
from recsys.serving import experiments
from recsys.serving.audit import LIBRARY
from recsys.serving.experiments import ExperimentHistory, ExperimentRecord
from recsys.sites.experiment import Experiment
from recsys.stages import change_release
from recsys.stages.context import StageContext, open_context
from recsys.types import Frozen, SiteId


def listed(*, site: SiteId, context: StageContext | None = None) -> list[ExperimentRecord]:
    """The site's experiments, newest first. Raises UnknownSiteError."""
    context = context or open_context()
    context.site(site)
    return experiments.experiments(context.dsn, site)


def shown(*, site: SiteId, experiment_id: str, context: StageContext | None = None) -> ExperimentHistory:
    """What it is, how it stands, and what was done with it. Raises UnknownExperimentError."""
    context = context or open_context()
    context.site(site)
    return experiments.history(context.dsn, site, experiment_id)


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
    decisions: Sequence[Frozen] = (),
    context: StageContext | None = None,
) -> ExperimentRecord:
    """The arm's release is live, and the experiment is over. An arm without a release ends it and changes nothing.

    Args:
        site: whose.
        experiment_id: one that runs.
        arm: which challenger; by default the only one.
        by: who says so.
        reason: why.
        decisions: those that led to it.
        context: stores; by default those of the environment.

    Raises:
        ExperimentError: it does not run, or has no such challenger.
        ReleaseError: the release cannot go live.
    """
    context = context or open_context()
    context.site(site)
    record, live = experiments.promote(
        context.dsn, site, experiment_id, arm, context.now(), reason=reason, decisions=decisions, by=by
    )
    if live is not None:
        change_release.follow_pointers(site=site, context=context)
    return record


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
