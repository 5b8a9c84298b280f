"""MLflow's alias ``live``, moved over its REST API by a process that must stay light.

``recsys.releases.tracking`` does the same with MLflow's client.
"""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from recsys.types import SiteId

LIVE: Final = "live"
CHALLENGER: Final = "challenger"
SECONDS: Final = 10.0


def registered_models(site: SiteId, manifest: Mapping[str, Any]) -> dict[str, str]:
    """The registered models of a release with their versions, as far as its manifest has them."""
    versions = {f"{site}-ranker": "model_version", f"{site}-generators": "generators_version"}
    return {name: str(manifest[key]) for name, key in versions.items() if manifest.get(key) is not None}


def point_live(tracking_uri: str, site: SiteId, manifest: Mapping[str, Any]) -> None:
    """The alias ``live`` is at the release's models, and what is live is no challenger.

    Raises:
        httpx.HTTPError: MLflow does not answer, or does not know the models.
    """
    with httpx.Client(base_url=f"{tracking_uri}/api/2.0/mlflow/registered-models", timeout=SECONDS) as mlflow:
        for name, version in registered_models(site, manifest).items():
            mlflow.post("/alias", json={"name": name, "alias": LIVE, "version": version}).raise_for_status()
            found = mlflow.get("/get", params={"name": name}).raise_for_status().json()["registered_model"]
            if {"alias": CHALLENGER, "version": version} in found.get("aliases", []):
                gone = {"name": name, "alias": CHALLENGER}
                mlflow.request("DELETE", "/alias", json=gone).raise_for_status()
