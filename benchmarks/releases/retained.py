"""Ten releases, one after the other; what every store then holds, and what it holds after cleaning."""

from dataclasses import dataclass
from pathlib import Path

import mlflow

from benchmarks.releases.made import SITE, store_release, write_files
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.registered import registered_models
from recsys.serving.lifecycle import known_ids
from recsys.serving.release_tables import KEYS, existing_tables, table_name
from recsys.stages import change_release, publish_release
from recsys.stages.context import StageContext
from recsys.types import ReleaseId

MODEL = f"{SITE}-ranker"


@dataclass
class Held:
    """The releases that each store has something of; None: of a release that nobody knows."""

    postgres: set[ReleaseId | None]
    objects: set[ReleaseId]
    exchange: set[ReleaseId]
    models: set[ReleaseId]
    bytes: int
    "In Postgres and on the object store."


def release(context: StageContext, release_id: ReleaseId, folder: Path, *, users: int, age: int) -> None:
    """A release of ``age`` days is live, with its files and a registered model."""
    rows = write_files(folder, release_id, users=users, items=200)
    store_release(context, release_id, folder, rows, age=age)
    register(context, release_id, folder)
    publish_release.run(site=SITE, release_id=release_id, context=context)
    change_release.activate(site=SITE, release_id=release_id, context=context)


def register(context: StageContext, release_id: ReleaseId, folder: Path) -> None:
    """A model of one file is registered for the release."""
    client = mlflow.MlflowClient(tracking_uri=context.tracking_uri)
    found = client.get_experiment_by_name(SITE)
    experiment = found.experiment_id if found else client.create_experiment(SITE)
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL)
    model = client.create_logged_model(experiment, name=MODEL)
    (folder / "model.bin").write_bytes(b"model" * 1000)
    client.log_model_artifact(model.model_id, str(folder / "model.bin"))
    client.finalize_logged_model(model.model_id, "READY")
    tags = {"release_id": release_id}
    client.create_model_version(MODEL, f"models:/{model.model_id}", tags=tags, model_id=model.model_id)


def held(context: StageContext) -> Held:
    """What there is now."""
    owners = {table_name(table, each): each for each in known_ids(context.dsn) for table in KEYS}
    tables, sizes = existing_tables(context.dsn), context.blobs.sizes(f"releases/{SITE}/")
    manifest = context.settings.recsys_exchange_dir / SITE / f.MANIFEST
    exchanged = {ReleaseManifest.model_validate_json(manifest.read_text()).release_id} if manifest.exists() else set()
    return Held(
        postgres={owners.get(name) for name in tables},
        objects={key.split("/")[2] for key in sizes},
        exchange=exchanged,
        models={model.release_id for model in registered_models(context.tracking_uri, SITE)},
        bytes=sum(tables.values()) + sum(sizes.values()),
    )
