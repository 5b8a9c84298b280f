"""Better parameters for a site's generators, ranker and predictors, on windows before what releases are judged on.

A search is planned, its trials are run in rounds (in any order within a round, anywhere), and it is concluded. Each
step can be done again: a trial that was run is not run twice.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from recsys.candidates.spaces import SPACES
from recsys.datasets.store import data_hash
from recsys.errors import ConfigError, NotEnoughData
from recsys.evaluation.search import Number, Params, Trial, best, hopeless, planned, range_values, round_of, suggest
from recsys.predictors.spaces import space_of
from recsys.ranking.space import RANKER
from recsys.ranking.space import SPACE as RANKER_SPACE
from recsys.releases.moments import partitions_before
from recsys.releases.search_tracking import log_search
from recsys.releases.studies import Plan, Studies, Winner
from recsys.sites import SiteConfig
from recsys.stages.context import StageContext, open_context
from recsys.stages.predictor_objective import SURFACES, PredictorObjective, tunable, windows_of
from recsys.stages.tuning_objective import CANDIDATES, Objective
from recsys.types import Frozen, SiteId

Progress = Callable[[int, int], None]
"Called with trials done and trials in all."


class TunedPart(Frozen):
    """What one search found."""

    part: str
    objective: str
    study: str
    trials: int
    pruned: int
    own: float
    "The objective with the site's own parameters, mean over the validation windows."
    best: float
    params: Params
    "Parameters that beat the site's own; empty where none did."


class TuningReport(Frozen):
    """What was found; used from the next training on, where the site's ``tuning.use_winner`` says so."""

    site: SiteId
    parts: tuple[TunedPart, ...]
    used: bool


def run(
    *,
    site: SiteId,
    parts: Sequence[str] = (),
    trials: int | None = None,
    context: StageContext | None = None,
    progress: Progress | None = None,
) -> TuningReport:
    """Searches one part after the other; killed and run again it goes on, and finds the same.

    Args:
        site: which site.
        parts: kinds of generators, ``ranker``, ``candidates`` (whether the generators on trial are taken), ``intent``,
            ``ctr`` or ``session``; by default the site's generators and then the ranker.
        trials: instead of the site's ``tuning.trials``.
        context: stores; by default those of the environment.
        progress: told after each trial.

    Raises:
        ConfigError: a part the site has not, or a parameter the part has not.
        NotEnoughData: the log does not reach over the validation windows.
    """
    context = context or open_context()
    studies = plans(site=site, parts=parts, trials=trials, context=context)
    for study in studies:
        objective = _objective(context, site, study)
        for number in range(study.trials):
            try_out(study, number, objective)
            if progress:
                progress(number + 1, study.trials)
    return conclude(site=site, studies=[study.study for study in studies], context=context)


def plans(
    *, site: SiteId, parts: Sequence[str] = (), trials: int | None = None, context: StageContext | None = None
) -> list[Plan]:
    """A search over each part, kept under a name that data, configuration and space determine."""
    context = context or open_context()
    config = context.site(site)
    return [_plan(context, config, part, trials) for part in _parts(config, parts)]


def _plan(context: StageContext, config: SiteConfig, part: str, trials: int | None) -> Plan:
    site = config.site
    manifests = partitions_before(context.datasets, site, None)
    if not manifests:
        raise NotEnoughData(f"site {site}: found no event log; ingest its events first")
    as_of = manifests[-1].partition.end
    space = _space(config, part)
    count = planned(space, method=config.tuning.method, trials=trials or config.tuning.trials)
    content = [data_hash(manifests), space, count, config.model_dump(mode="json", exclude={"schedule", "title"})]
    fingerprint = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    found = Plan(
        study=f"{part}-{fingerprint}",
        part=part,
        as_of=as_of,
        space=space,
        trials=count,
        windows=windows_of(context, config, part, as_of) if _predicts(part) else _windows(config, as_of),
    )
    Studies(context.blobs, site).put_plan(found)
    return found


def run_trial(*, site: SiteId, study: str, number: int, context: StageContext | None = None) -> Trial:
    """The trial is done and kept; one that was done before is only read.

    Raises:
        DataError: no such study.
        NotEnoughData: trials of earlier rounds are missing, or a window has nothing to judge on.
    """
    context = context or open_context()
    search = Studies(context.blobs, site).plan(study)
    return try_out(search, number, _objective(context, site, search))


def try_out(search: Plan, number: int, objective: Objective | PredictorObjective) -> Trial:
    """``run_trial`` with an objective that several trials share."""
    studies, policy = objective.studies, objective.site.tuning
    known = studies.trials(search.study)
    if number in known:
        return known[number]
    rounds = {each: round_of(each, planned=search.trials) for each in range(search.trials)}
    earlier = [each for each in rounds if rounds[each] < rounds[number]]
    if missing := [each for each in earlier if each not in known]:
        raise NotEnoughData(
            f"study {search.study}: found no results of trials {missing}, expected them first; run these"
        )
    before = [known[each] for each in earlier]
    params = suggest(search.space, number, method=policy.method, known=before, seed=policy.seed)
    values: list[float] = []
    for window in range(len(search.windows)):
        values.append(objective.value(params, window))
        if number and len(values) < len(search.windows) and hopeless(values[0], before):
            break
    pruned = len(values) < len(search.windows)
    trial = Trial(number=number, params=params, values=tuple(values), pruned=pruned)
    studies.put_trial(search.study, trial)
    return trial


def conclude(*, site: SiteId, studies: Sequence[str], context: StageContext | None = None) -> TuningReport:
    """The parameters that beat the site's own are kept for the next training, and every trial is in MLflow."""
    context = context or open_context()
    config, kept = context.site(site), Studies(context.blobs, site)
    winner = Winner.of(context.blobs, site)
    found = []
    for study in studies:
        search, trials = kept.plan(study), kept.trials(study)
        if len(trials) < search.trials:
            raise NotEnoughData(
                f"study {study}: found {len(trials)} of {search.trials} trials done; run the others first"
            )
        top, own = best(list(trials.values())), trials[0]
        winner = winner.with_part(search.part, top.params)
        found.append(
            TunedPart(
                part=search.part,
                objective=_metric(config, search.part),
                study=study,
                trials=len(trials),
                pruned=sum(trial.pruned for trial in trials.values()),
                own=own.value,
                best=top.value,
                params=top.params,
            )
        )
        log_search(context.tracking_uri, site, search, list(trials.values()), objective=_metric(config, search.part))
    winner.keep(context.blobs, site)
    return TuningReport(site=site, parts=tuple(found), used=config.tuning.use_winner)


def _parts(config: SiteConfig, asked: Sequence[str]) -> list[str]:
    kinds = [spec.kind for spec in config.candidates]
    generators = [kind for kind in kinds if kind in SPACES or kind in config.tuning.parts]
    known = [*generators, RANKER]
    predicted = {name: policy for name, policy in config.predictors if policy is not None}
    askable = [*known, *([CANDIDATES] if config.on_trial else []), *predicted]
    for name in (*asked, *config.tuning.parts):
        if name not in askable:
            raise ConfigError(f"tuning: found the part {name!r}, expected one of: {', '.join(askable)}")
    named = {name: getattr(policy, "tuned_part", name) for name, policy in predicted.items()}
    return [named.get(name, name) for name in asked] or known


def _space(config: SiteConfig, part: str) -> dict[str, tuple[Number, ...]]:
    if told := config.tuning.parts.get(part.partition(".")[0]):
        return {name: range_values(*bounds) for name, bounds in zip(told.tune_params, told.tune_ranges, strict=True)}
    if part == CANDIDATES:
        return {"on_trial": (1,)}
    shipped = space_of(config.predictors, part) if _predicts(part) else {RANKER: RANKER_SPACE, **SPACES}.get(part)
    if shipped is None:
        raise ConfigError(
            f"tuning: found nothing to tune of {part}; name parameters in tuning.parts.{part.partition('.')[0]}"
        )
    return {name: tuple(values) for name, values in shipped.items()}


def _predicts(part: str) -> bool:
    return part.partition(".")[0] in SURFACES


def _metric(config: SiteConfig, part: str) -> str:
    return tunable(part).objective if _predicts(part) else config.tuning.objective


def _objective(context: StageContext, site: SiteId, search: Plan) -> Objective | PredictorObjective:
    kind = PredictorObjective if _predicts(search.part) else Objective
    return kind(context, site, search)


def _windows(config: SiteConfig, as_of: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Validation windows before the evaluation window, the latest first."""
    step = timedelta(days=config.windows.evaluation_days)
    ends = [as_of - step * (1 + back) for back in range(config.tuning.windows)]
    return tuple((end - step, end) for end in ends)
