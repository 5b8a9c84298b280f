"""Model versions in MLflow that belong to releases, and taking them away."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recsys.types import ReleaseId, SiteId

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class RegisteredModel:
    """One version of one of a site's models."""

    name: str
    version: str
    release_id: ReleaseId
    model_id: str | None
    "MLflow's own id of what was logged; None where a version of this library registered it without."


def registered_models(uri: str, site: SiteId) -> list[RegisteredModel]:
    """Every version of the site's models that names its release, by model and version."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    found = []
    for model in client.search_registered_models(f"name LIKE '{site}-%'"):
        for version in client.search_model_versions(f"name = '{model.name}'"):
            if release_id := version.tags.get("release_id"):
                found.append(RegisteredModel(model.name, version.version, release_id, version.model_id))
    return found


def size_of(uri: str, model: RegisteredModel) -> int:
    """Bytes of the version's files; 0 where the server does not say."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    return _bytes(client, model.model_id) if model.model_id else 0


def remove_model(uri: str, model: RegisteredModel) -> None:
    """The version is no longer registered and its files are deleted; the run keeps parameters, metrics and report."""
    import mlflow
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    client = mlflow.MlflowClient(tracking_uri=uri)
    if model.model_id:
        location = client.get_logged_model(model.model_id).artifact_location
        get_artifact_repository(location, tracking_uri=uri).delete_artifacts()  # type: ignore[no-untyped-call]
        client.delete_logged_model(model.model_id)
    client.delete_model_version(model.name, model.version)


def _bytes(client: "MlflowClient", model_id: str, path: str | None = None) -> int:
    total = 0
    for file in client.list_logged_model_artifacts(model_id, path):
        total += _bytes(client, model_id, file.path) if file.is_dir else file.file_size or 0
    return total
