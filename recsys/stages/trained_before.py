"""A training of a predictor that would give what the last one gave: the same log, configuration and code."""

import hashlib
import json
from datetime import datetime, timedelta

from recsys.datasets.manifest import data_hash
from recsys.errors import UnknownReleaseError
from recsys.predictors.ctr import rows_file
from recsys.predictors.gate import Decision
from recsys.releases.identity import code_version, config_hash
from recsys.releases.moments import partitions_before
from recsys.serving import lifecycle
from recsys.serving.audit import changes
from recsys.serving.known_releases import UNFINISHED
from recsys.sites import SiteConfig
from recsys.stages.context import StageContext
from recsys.stages.predictor_report import Predictor, PredictorReport
from recsys.types import Frozen, ReleaseId, SiteId


class Training(Frozen):
    """The last training of a predictor: ``trainings/<site>/<surface>.json``."""

    fingerprint: str
    release_id: ReleaseId


def fingerprint(context: StageContext, config: SiteConfig, surface: Predictor, as_of: datetime) -> str:
    """Hash of all that decides what a training gives; who asked to be forgotten is part of it.

    Taken before anything is read: what comes in meanwhile makes the next training differ.
    """
    policy = config.predictors.model_dump(mode="json")[surface]
    erased = {user: at.isoformat() for user, at in context.erased(config.site).items()}
    parts = [
        as_of.isoformat(),
        data_hash(partitions_before(context.datasets, config.site, as_of)),
        json.dumps(erased, sort_keys=True),
        _clicks(context, config, as_of) if surface == "ctr" else "",
        config_hash(config),
        json.dumps(policy, sort_keys=True),
        code_version(),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _clicks(context: StageContext, config: SiteConfig, as_of: datetime) -> str:
    """Hash of what is learned from beside the log: the site's file, or what the web service showed."""
    policy = config.predictors.ctr
    if policy is None:  # the training says so
        return ""
    if policy.path is None:
        return context.impressions_digest(config.site, as_of - timedelta(days=policy.history_days), as_of)
    with rows_file(policy).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def outcome(context: StageContext, site: SiteId, surface: Predictor, made_of: str) -> PredictorReport | None:
    """What became of the last training, if it was of the same fingerprint and its release is finished.

    One that waits for a person's answer is to be asked about again: that is not ``unchanged``.
    """
    if not context.blobs.exists(key := _key(site, surface)):
        return None
    last = Training.model_validate_json(context.blobs.get(key))
    if last.fingerprint != made_of:
        return None
    try:
        found = lifecycle.release_record(context.dsn, site, last.release_id)
    except UnknownReleaseError:
        return None
    if found["state"] in UNFINISHED and not found["published"]:
        return None
    report = found["report"]
    answered = any(each.action == "decline" for each in changes(context.dsn, site, release_id=last.release_id))
    return PredictorReport(
        site=site,
        surface=surface,
        release_id=last.release_id,
        as_of=report["as_of"],
        state=found["state"],
        decision=Decision.model_validate(report["decision"]),
        learned_rows=report["learned_rows"],
        quality={},
        model_version=report["model_version"],
        mlflow_run_id=report["mlflow_run_id"],
        unchanged=found["state"] != "gated" or answered,
    )


def remember(context: StageContext, report: PredictorReport, made_of: str) -> None:
    """The next training of the same fingerprint finds this one."""
    training = Training(fingerprint=made_of, release_id=report.release_id)
    context.blobs.put(_key(report.site, report.surface), training.model_dump_json().encode())


def _key(site: SiteId, surface: Predictor) -> str:
    return f"trainings/{site}/{surface}.json"
