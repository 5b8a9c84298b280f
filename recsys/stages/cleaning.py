"""What a site no longer needs, in every store at once: the plan, and carrying it out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.registered import registered_models, remove_model, size_of
from recsys.serving import lifecycle, publishing
from recsys.serving.release_tables import KEYS, existing_tables, remove_named, table_name
from recsys.serving.retention import outdated
from recsys.stages.context import StageContext
from recsys.types import Frozen, ReleaseId, SiteId

GRACE: Final = timedelta(days=1)
"""What is younger may belong to a run that has not finished."""
UNKNOWN: Final = "no release of this name is recorded"
UNNAMED: Final = "no manifest of the event log names it"

Place = Literal["postgres", "objects", "exchange", "mlflow"]


class Garbage(Frozen):
    """One thing that serves nobody."""

    place: Place
    name: str
    "A table; a key of the object store; a file of the exchange folder; a model and its version."
    release_id: ReleaseId | None
    "None: it belongs to no release that is recorded."
    bytes: int
    why: str


class CleaningPlan(Frozen):
    """All of it, for one site."""

    site: SiteId
    releases: dict[ReleaseId, str]
    "Releases that are not kept, with the reason."
    garbage: tuple[Garbage, ...]

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.garbage)


def plan(context: StageContext, site: SiteId) -> CleaningPlan:
    """What the site's retention leaves out, and what lies about that belongs to nothing. Changes nothing.

    Raises:
        StoreError: a store does not answer; then nothing may be removed, because all of it goes together.
    """
    config, now = context.site(site), context.now()
    known = lifecycle.releases(context.dsn, site, limit=100_000)
    going = outdated(
        known,
        lifecycle.pointers(context.dsn, site),
        keep=config.retention.keep_releases,
        days=config.retention.keep_days,
        grace=max(GRACE, timedelta(hours=config.approval.timeout_hours)),
        now=now,
    )
    ids = {release.release_id for release in known}
    unpublished = {release.release_id for release in known if not release.published}
    found = (
        *_tables(context, going, unpublished),
        *_objects(context, site, going, ids, now),
        *_exchanged(context, site, going, ids, now),
        *_models(context, site, going),
    )
    concerned = {each.release_id for each in found}
    fresh = {release.release_id for release in known if release.removed_at is None}
    releases = {release_id: why for release_id, why in going.items() if release_id in fresh | concerned}
    return CleaningPlan(site=site, releases=releases, garbage=found)


def remove(context: StageContext, plan: CleaningPlan, *, by: str) -> None:
    """What the plan names is gone: of each release the rows first, so that it cannot go live any more.

    Killed half-way, the next plan names what is left.

    Raises:
        ReleaseError: a release became live, or next in line for a roll back, since the plan was made.
    """
    for release_id, why in plan.releases.items():
        lifecycle.fail_abandoned(context.dsn, plan.site, release_id, why, by=by)
        publishing.retire(context.dsn, plan.site, release_id, by=by, reason=why)
    remove_named(context.dsn, [each.name for each in plan.garbage if each.place == "postgres"])
    for each in plan.garbage:
        if each.place == "objects":
            context.blobs.delete(each.name)
        elif each.place == "exchange":
            (context.settings.recsys_exchange_dir / plan.site / each.name).unlink(missing_ok=True)
    going = {each.name for each in plan.garbage if each.place == "mlflow"}
    for model in registered_models(context.tracking_uri, plan.site) if going else ():
        if f"{model.name}/{model.version}" in going:
            remove_model(context.tracking_uri, model)
    for release_id, why in plan.releases.items():
        lifecycle.note_removed(context.dsn, plan.site, release_id, context.now(), by=by, reason=why)


def _tables(context: StageContext, going: dict[ReleaseId, str], unpublished: set[ReleaseId]) -> Iterator[Garbage]:
    """Tables of releases that go; of releases without rows, left by a step that was killed; and of no release at all.

    Those of no release belong to no site either: every site's plan names them.
    """
    owners = {table_name(table, each): each for each in lifecycle.known_ids(context.dsn) for table in KEYS}
    for name, size in sorted(existing_tables(context.dsn).items()):
        owner = owners.get(name)
        if owner is None:
            yield Garbage(place="postgres", name=name, release_id=None, bytes=size, why=UNKNOWN)
        elif owner in going or owner in unpublished:
            why = going.get(owner, "left by a step that was killed: the release has no rows")
            yield Garbage(place="postgres", name=name, release_id=owner, bytes=size, why=why)


def _objects(
    context: StageContext, site: SiteId, going: dict[ReleaseId, str], ids: set[ReleaseId], now: datetime
) -> Iterator[Garbage]:
    prefix = f"releases/{site}/"
    sizes, modified = context.blobs.sizes(prefix), context.blobs.modified(prefix)
    # the manifest first: a release whose files are half gone is none
    for key in sorted(sizes, key=lambda each: (not each.endswith(f.MANIFEST), each)):
        owner = key.removeprefix(prefix).partition("/")[0]
        if owner in going:
            yield Garbage(place="objects", name=key, release_id=owner, bytes=sizes[key], why=going[owner])
        elif owner not in ids and key in modified and now - modified[key] > GRACE:
            yield Garbage(place="objects", name=key, release_id=None, bytes=sizes[key], why=UNKNOWN)
    log = f"events/{site}/data/"
    unnamed = context.datasets.unnamed(site, older_than=now - GRACE)
    sizes = context.blobs.sizes(log) if unnamed else {}
    for key in unnamed:
        yield Garbage(place="objects", name=key, release_id=None, bytes=sizes.get(key, 0), why=UNNAMED)


def _exchanged(
    context: StageContext, site: SiteId, going: dict[ReleaseId, str], ids: set[ReleaseId], now: datetime
) -> Iterator[Garbage]:
    """Files of a release that goes, and what a killed export left aside. The folder holds one release at a time."""
    folder = context.settings.recsys_exchange_dir / site
    if not folder.is_dir():
        return
    manifest = folder / f.MANIFEST
    text = manifest.read_text(encoding="utf-8") if manifest.is_file() else None
    owner = ReleaseManifest.model_validate_json(text).release_id if text else None
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        status = path.stat()
        old = now - datetime.fromtimestamp(status.st_mtime, UTC) > GRACE
        if path.name.startswith(".") and old:
            why = "left by an export that was killed"
        elif not path.name.startswith(".") and owner in going:
            why = going[owner]
        elif not path.name.startswith(".") and owner is not None and owner not in ids and old:
            why = UNKNOWN
        else:
            continue
        yield Garbage(place="exchange", name=path.name, release_id=owner, bytes=status.st_size, why=why)


def _models(context: StageContext, site: SiteId, going: dict[ReleaseId, str]) -> Iterator[Garbage]:
    """Models of releases that go. Those of releases that are not recorded here may be another platform's."""
    for model in registered_models(context.tracking_uri, site):
        if model.release_id in going:
            yield Garbage(
                place="mlflow",
                name=f"{model.name}/{model.version}",
                release_id=model.release_id,
                bytes=size_of(context.tracking_uri, model),
                why=going[model.release_id],
            )
