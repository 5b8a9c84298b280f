"""From the files of a release to its rows in Postgres, beside the live ones."""

from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.serving.publishing import publish
from recsys.serving.scoring.form import DOCUMENTS, FORM, ITEMS, USERS, Form
from recsys.stages.context import StageContext, open_context
from recsys.types import ReleaseId, SiteId


def run(
    *, site: SiteId, release_id: ReleaseId, by: str = "stage publish_release", context: StageContext | None = None
) -> dict[str, int]:
    """The release can be activated; returns rows per file. What is live is not touched. Safe to run again.

    Raises:
        ReleaseError: no such release, it was refused, or it has no ranked slates yet.
        FeatureMismatch: its ranker reads other features than those that travel with it.
        StoreError: rows in Postgres ≠ rows in the manifest.
    """
    context = context or open_context()
    store = f.ReleaseFiles(context.blobs, site, release_id)
    manifest = ReleaseManifest.model_validate(store.get_json(f.MANIFEST))
    folder = context.settings.recsys_exchange_dir / site
    store.export(folder)
    if FORM in manifest.files:
        Form.model_validate(store.get_json(FORM)).require(store.get_json(f.RANKER))
    return publish(context.dsn, site, release_id, folder, rows_of(manifest), by=by)


def rows_of(manifest: ReleaseManifest) -> dict[str, int]:
    """How many rows a published release has in Postgres, by file."""
    tables = [name for name in (*f.SERVED, ITEMS, USERS) if name in manifest.files]
    documents = {FORM: len(DOCUMENTS)} if FORM in manifest.files else {}
    return {name: manifest.files[name].rows or 0 for name in tables} | documents
