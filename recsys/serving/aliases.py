"""The registered models of a site's releases in MLflow: their names, and the aliases that follow the pointers.

Over MLflow's REST API, because web processes move aliases too, and must stay light.
"""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from recsys.errors import StoreError
from recsys.serving.contracts import RECOMMENDATIONS, LiveRelease, Surface
from recsys.serving.known_releases import release_record
from recsys.types import SiteId

LIVE: Final = "live"
CHALLENGER: Final = "challenger"
RANKER: Final = "ranker"
GENERATORS: Final = "generators"
REGISTERED: Final = "registered_version"
"""Key of a predictor's manifest; its ``model_version`` is a hash over the model's files."""
SECONDS: Final = 10.0


def model_name(site: SiteId, kind: str) -> str:
    """What a registered model is called; ``kind`` is ranker, generators, or a predictor's surface."""
    return f"{site}-{kind}"


def registered_models(site: SiteId, manifest: Mapping[str, Any], surface: Surface = RECOMMENDATIONS) -> dict[str, str]:
    """The registered models of a release with their versions, as far as its manifest has them."""
    keys = {RANKER: "model_version", GENERATORS: "generators_version"}
    if surface != RECOMMENDATIONS:
        keys = {surface: REGISTERED}
    return {model_name(site, kind): str(manifest[key]) for kind, key in keys.items() if manifest.get(key) is not None}


def point(tracking_uri: str, alias: str, models: Mapping[str, str]) -> None:
    """The alias is at these versions, and what is live is no challenger any more.

    Raises:
        StoreError: MLflow does not answer, or does not know the models.
    """
    with httpx.Client(base_url=f"{tracking_uri}/api/2.0/mlflow/registered-models", timeout=SECONDS) as mlflow:
        for name, version in models.items():
            try:
                _point(mlflow, alias, name, version)
            except httpx.HTTPError as fault:
                raise StoreError(
                    f"MLflow at {tracking_uri}: {fault}; expected alias {alias!r} of {name} at version {version}. "
                    "What answers is not touched by this, and the next maintenance brings `live` to it"
                ) from fault


def follow(dsn: str, tracking_uri: str, live: LiveRelease) -> None:
    """The alias ``live`` is where the pointer is.

    Raises:
        StoreError: MLflow does not answer, or does not know the models.
    """
    manifest = release_record(dsn, live.site, live.release_id)["manifest"]
    point(tracking_uri, LIVE, registered_models(live.site, manifest, live.surface))


def _point(mlflow: httpx.Client, alias: str, name: str, version: str) -> None:
    mlflow.post("/alias", json={"name": name, "alias": alias, "version": version}).raise_for_status()
    if alias != LIVE:
        return
    found = mlflow.get("/get", params={"name": name}).raise_for_status().json()["registered_model"]
    if {"alias": CHALLENGER, "version": version} in found.get("aliases", []):
        mlflow.request("DELETE", "/alias", json={"name": name, "alias": CHALLENGER}).raise_for_status()
