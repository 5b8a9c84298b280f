"""One partition as a stage leaves it: committed, refused, or not written."""

from dataclasses import dataclass
from datetime import date

from recsys.datasets.manifest import Partition, UndatedManifest
from recsys.datasets.store import UNDATED
from recsys.datasets.tables import IMPRESSED, INTERACTED, QUARANTINED, UPDATED
from recsys.events.counts import RowCounts
from recsys.events.partition import Checked
from recsys.events.raw import SourceFile
from recsys.stages.context import StageContext
from recsys.types import Frozen, SiteId


class PartitionReport(Frozen):
    """One committed partition."""

    partition: str
    "As 2026-01-31 or 2026-01-31T05; undated: the rows whose day cannot be told."
    day: date | None
    counts: RowCounts
    content_hash: dict[str, str]
    "sha256 by table."


@dataclass(frozen=True)
class Unfinished:
    """What did not go into the log, and why."""

    site: SiteId
    refused: dict[Partition | None, str]
    unwritten: dict[Partition | None, str]
    committed: int

    @property
    def sentence(self) -> str:
        faults = self.refused | self.unwritten
        lines = "".join(f"\n  {each.key if each else 'rows without a day'}: {why}" for each, why in faults.items())
        counted = [f"{len(self.refused)} partition{'s' * (len(self.refused) != 1)} refused"] * bool(self.refused)
        counted += [f"{len(self.unwritten)} could not be written"] * bool(self.unwritten)
        return (
            f"site {self.site}: {', '.join(counted)}, {self.committed} committed; what was committed before for the "
            f"others is untouched.{lines}\nCorrect the rows at their source and ingest these days again, or change "
            "quality in the site's YAML"
        )


def commit(
    context: StageContext,
    site: SiteId,
    partition: Partition | None,
    checked: Checked,
    files: tuple[SourceFile, ...],
    *,
    made_by: str = "",
) -> PartitionReport:
    """The partition is in the event log afterwards, in place of the one before; None: the rows without a day.

    ``made_by``: hash of the code and configuration that read ``files``; empty: they were not read.
    """
    counts, store = checked.counts, context.datasets
    manifest: UndatedManifest
    if partition is None:
        manifest = store.commit_undated(site, checked.quarantine, counts=counts, source_files=files)
    else:
        frames = {
            INTERACTED: checked.kept,
            IMPRESSED: checked.impressions,
            UPDATED: checked.item_updates,
            QUARANTINED: checked.quarantine,
        }
        manifest = store.commit(partition, frames, counts=counts, source_files=files, made_by=made_by)
    return reported(partition, manifest)


def reported(partition: Partition | None, manifest: UndatedManifest) -> PartitionReport:
    """What a committed partition says of itself; None: the rows without a day."""
    return PartitionReport(
        partition=partition.key if partition else UNDATED,
        day=partition.day if partition else None,
        counts=manifest.counts,
        content_hash={name: data.content_hash for name, data in manifest.tables.items()},
    )
