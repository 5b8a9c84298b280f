"""A release made again from its manifest alone, elsewhere: the same inputs must give the same bytes."""

from pathlib import Path

from recsys.datasets.blobs import LocalBlobs
from recsys.errors import ReleaseError
from recsys.releases import files as f
from recsys.releases.identity import code_version
from recsys.releases.lineage import Lineage
from recsys.releases.manifest import ReleaseManifest, installed
from recsys.releases.moments import Log
from recsys.releases.ranker_parts import put_parts
from recsys.releases.served import moment_served, served_slates
from recsys.serving.scoring.form import FORM
from recsys.stages.build_candidates import build
from recsys.stages.context import StageContext, open_context
from recsys.stages.train_ranker import train
from recsys.types import Frozen, ReleaseId, SiteId


class RebuiltFile(Frozen):
    """One file of the release, then and now."""

    recorded: str | None
    "sha256 in the release's manifest; None: the release has no such file."
    rebuilt: str | None
    "sha256 of what came out now; None: nothing did."


class RebuildReport(Frozen):
    """Whether the release can be made again."""

    site: SiteId
    release_id: ReleaseId
    folder: Path
    "Where the files lie."
    identical: bool
    "Every file of the manifest has the same hash."
    files: dict[str, RebuiltFile]
    differs: tuple[str, ...]
    "What is not as it was when the release was made: code and versions of libraries."


def run(*, site: SiteId, release_id: ReleaseId, into: Path, context: StageContext | None = None) -> RebuildReport:
    """Every artefact of the release is computed again into ``into``; no store is written to, and no clock is read.

    Configuration, ``as_of``, seed and partitions are those of the manifest, not those of today.

    Args:
        site: which site.
        release_id: which release.
        into: a folder of its own, made when absent.
        context: stores; by default those of the environment.

    Raises:
        ReleaseError: no such release; one whose configuration this version does not understand; or partitions that it
            was made of are gone.
    """
    context = context or open_context()
    store = f.ReleaseFiles(context.blobs, site, release_id)
    manifest = ReleaseManifest.model_validate(store.get_json(f.MANIFEST))
    config = manifest.site_config()
    lineage = Lineage.model_validate(store.get_json(f.LINEAGE))
    _require_partitions(context, lineage, release_id)
    log = Log.read(context.datasets, config, as_of=manifest.as_of, erased={}, partitions=lineage.partitions)
    copy = f.ReleaseFiles(LocalBlobs(into), site, release_id)
    built = manifest.model_copy(update={"files": {}}).with_files(build(log, manifest.as_of, lineage, copy))
    ranker, written = train(config, copy)
    built = built.with_files(written)
    if f.RECOMMENDATIONS in manifest.files:
        moment = moment_served(log, built)
        frame = served_slates(log, copy, built, moment, ranker)
        built = built.with_files({f.RECOMMENDATIONS: copy.put_frame(f.RECOMMENDATIONS, frame)})
        if FORM in manifest.files:
            built = built.with_files(put_parts(copy, built, ranker, moment))
    copy.put_json(f.MANIFEST, built.model_dump(mode="json"))
    files = {
        name: RebuiltFile(
            recorded=manifest.files[name].sha256 if name in manifest.files else None,
            rebuilt=built.files[name].sha256 if name in built.files else None,
        )
        for name in sorted({*manifest.files, *built.files})
    }
    return RebuildReport(
        site=site,
        release_id=release_id,
        folder=into,
        identical=all(each.recorded == each.rebuilt for each in files.values()),
        files=files,
        differs=tuple(differences(manifest)),
    )


def _require_partitions(context: StageContext, lineage: Lineage, release_id: ReleaseId) -> None:
    if gone := lineage.gone(context.blobs):
        raise ReleaseError(
            f"release {release_id}: found {len(gone)} of its {len(lineage.partitions)} partitions gone "
            f"({', '.join(gone[:5])}), expected all; they were written again since, and what they were is not kept. "
            "Ingest the same source files into another data URL, and rebuild there"
        )


def differences(manifest: ReleaseManifest) -> list[str]:
    """What is not as it was, each with what it was and what it is."""
    found = [] if manifest.code_version == code_version() else [f"code: {manifest.code_version} → {code_version()}"]
    now = installed()
    names = sorted({*manifest.libraries, *now})
    then = manifest.libraries
    return found + [f"{name}: {then.get(name)} → {now.get(name)}" for name in names if then.get(name) != now.get(name)]
