"""The ranker of a release: learned on candidates_train, logged to MLflow, kept with the release."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.features.feature_set import FeatureSet
from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.tracking import Tracking
from recsys.serving import lifecycle
from recsys.sites import SiteConfig
from recsys.stages.context import StageContext, open_context
from recsys.stages.making import making
from recsys.steps import Step, Steps
from recsys.types import Frozen, ReleaseId, SiteId

STEPS: Final = "steps.json"
"""What the training cost, among the run's artifacts."""


class RankerReport(Frozen):
    """What was trained."""

    site: SiteId
    release_id: ReleaseId
    rows: int
    users: int
    trees: int
    loss: str
    "What it was trained with: the policy's, or the one that was chosen."
    validation_ndcg: float
    "nDCG@10 of the users held back in training; in [0, 1]."
    mlflow_run_id: str
    model_version: str
    steps: tuple[Step, ...] = ()
    "What it cost."


def run(*, site: SiteId, release_id: ReleaseId | None = None, context: StageContext | None = None) -> RankerReport:
    """Trains the ranker of a release; run again, it finds it trained and computes nothing.

    Args:
        site: which site.
        release_id: by default the newest release that is being built.
        context: stores; by default those of the environment.

    Raises:
        ReleaseError: no such release, one that was judged and does not change any more, or candidates are missing.
        NotEnoughData: too few users to learn from.
    """
    context = context or open_context()
    context.site(site)
    release_id = release_id or lifecycle.unfinished_release(context.dsn, site)
    lifecycle.require_unfinished(context.dsn, site, release_id)
    with making(context, site, release_id, by="stage train_ranker"):
        return _run(context, site, release_id)


def _run(context: StageContext, site: SiteId, release_id: ReleaseId) -> RankerReport:
    store = f.ReleaseFiles(context.blobs, site, release_id)
    manifest = ReleaseManifest.model_validate(store.get_json(f.MANIFEST))
    steps = Steps()
    with steps.measured("read the candidates") as read:
        rows = store.get_frame(f.CANDIDATES_TRAIN)
        read.append(rows.height)
    if manifest.mlflow_run_id is None:
        with steps.measured("train the ranker") as learned:
            ranker, written = train(manifest.site_config(), store)
            learned.append(rows.height)
        tracking = Tracking(context.tracking_uri, site)
        with steps.measured("log to MLflow"):
            manifest = _tracked(ranker, manifest.with_files(written), store, tracking, rows, steps.ended)
        store.put_json(f.MANIFEST, manifest.model_dump(mode="json"))
    found = store.get_json(f.RANKER)
    return RankerReport(
        site=site,
        release_id=release_id,
        rows=rows.height,
        users=rows[c.USER_ID].n_unique(),
        trees=found["trees"],
        loss=found["loss"],
        validation_ndcg=found["validation_ndcg"],
        mlflow_run_id=manifest.mlflow_run_id or "",
        model_version=manifest.model_version or "",
        steps=tuple(steps.ended),
    )


def train(config: SiteConfig, store: f.ReleaseFiles) -> tuple[Ranker, dict[str, dict[str, Any]]]:
    """The ranker, whose files lie with the release afterwards; and what a manifest says of them.

    The same candidates and configuration give the same bytes.
    """
    rows = store.get_frame(f.CANDIDATES_TRAIN)
    ranker = Ranker(FeatureSet.of_site(config), config.ranker).fit(rows, rng=np.random.default_rng(config.ranker.seed))
    with tempfile.TemporaryDirectory() as folder:
        ranker.save(Path(folder))
        written = {
            name: store.put_bytes(name, (Path(folder) / name).read_bytes()) for name in (f.CATBOOST_MODEL, f.RANKER)
        }
    return ranker, written


def _tracked(
    ranker: Ranker,
    manifest: ReleaseManifest,
    store: f.ReleaseFiles,
    tracking: Tracking,
    rows: pl.DataFrame,
    steps: Sequence[Step],
) -> ReleaseManifest:
    """The training is a run in MLflow, its models are registered, and the manifest says where."""
    with tempfile.TemporaryDirectory() as folder:
        ranker.save(Path(folder) / "ranker")
        store.get_folder(f.FITTED, Path(folder) / f.FITTED)
        found = tracking.log_training(
            release_id=manifest.release_id,
            ranker=Path(folder) / "ranker",
            generators=Path(folder) / f.FITTED,
            params=_params(ranker, manifest, rows),
            metrics={"validation_ndcg@10": ranker.validation_ndcg, "trees": float(ranker.best_iteration)},
            curve=ranker.curve(),
            importances=ranker.importances(),
            documents={name: store.get_json(name) for name in (f.LINEAGE, f.RANKER)}
            | {f.MANIFEST: manifest.model_dump(mode="json")}
            | {STEPS: {step.step: step.model_dump() for step in steps}},
        )
    added = {"mlflow_run_id": found.run_id, "model_version": found.ranker, "generators_version": found.generators}
    return manifest.model_copy(update=added)


def _params(ranker: Ranker, manifest: ReleaseManifest, rows: pl.DataFrame) -> dict[str, object]:
    lineage = manifest.model_dump(
        include={
            "as_of",
            "data_hash",
            "partitions",
            "config_hash",
            "code_version",
            "git_commit",
            "feature_hash",
            "seed",
        }
    )
    chosen = {"chosen_loss": ranker.loss}
    size = {"training_rows": rows.height, "training_users": rows[c.USER_ID].n_unique()}
    return {**ranker.policy.model_dump(), **chosen, **lineage, **size}
