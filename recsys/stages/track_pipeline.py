"""What DVC ran, as a run in MLflow: ``dvc.lock`` beside the parameters and figures that came of it."""

import json
from pathlib import Path

from recsys.errors import ConfigError
from recsys.layout import Settings
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.tracking import Tracking
from recsys.stages.pipeline import METRICS, Params
from recsys.types import Frozen, ReleaseId, SiteId


class TrackedPipeline(Frozen):
    """Where MLflow keeps it."""

    site: SiteId
    release_id: ReleaseId
    mlflow_run_id: str


def run(*, params: Path, folder: Path, lock: Path, settings: Settings | None = None) -> TrackedPipeline:
    """Logs the last ``dvc repro``.

    Args:
        params: ``params.yaml``.
        folder: where the steps wrote.
        lock: ``dvc.lock``.
        settings: say where MLflow is; by default those of the environment.

    Raises:
        ConfigError: something that dvc repro writes is missing.
    """
    site = Params.read(params).site
    manifest, metrics = folder / "manifest" / f.MANIFEST, folder / "judgement" / METRICS
    absent = [str(path) for path in (lock, manifest, metrics) if not path.exists()]
    if absent:
        raise ConfigError(f"found no {', '.join(absent)}, expected what dvc repro writes; run it first")
    release = ReleaseManifest.model_validate_json(manifest.read_bytes())
    figures = {
        f"{contestant}_{metric}": value
        for contestant, found in json.loads(metrics.read_bytes()).items()
        for metric, value in found.items()
    }
    run_id = Tracking((settings or Settings()).tracking_uri, site.site).log_files(
        release_id=release.release_id,
        params=release.model_dump(include={"as_of", "data_hash", "config_hash", "code_version", "git_commit", "seed"}),
        metrics=figures,
        artifacts=[lock, params, manifest],
    )
    return TrackedPipeline(site=site.site, release_id=release.release_id, mlflow_run_id=run_id)
