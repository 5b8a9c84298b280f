"""What a release was made of: partitions of the event log and the source files they came from, each by its hash."""

from typing import Any

from recsys.datasets.blobs import Blobs
from recsys.datasets.manifest import Manifest, data_hash
from recsys.events.raw import SourceFile
from recsys.releases import files as f
from recsys.types import Frozen


class Lineage(Frozen):
    """Every partition that was read, as it was then."""

    partitions: tuple[Manifest, ...]

    @property
    def data_hash(self) -> str:
        """As in the release's manifest."""
        return data_hash(self.partitions)

    @property
    def source_files(self) -> tuple[SourceFile, ...]:
        """Every file that had a part in it, once, in the order of the partitions."""
        every = (file for partition in self.partitions for file in partition.source_files)
        return tuple({(file.name, file.sha256): file for file in every}.values())

    def gone(self, blobs: Blobs) -> list[str]:
        """Keys of partitions that are no longer as they were read: they were written again, or erased."""
        return [
            each.partition.key
            for each in self.partitions
            if not all(blobs.exists(data.key) for data in each.tables.values())
        ]

    def summary(self) -> dict[str, Any]:
        """For a person and for programs: partitions and source files with their hashes, without keys of objects."""
        partitions = [
            {
                "partition": each.partition.key,
                "content_hash": each.content_hash,
                "rows": {name: data.rows for name, data in each.tables.items()},
                "source_files": [file.sha256 for file in each.source_files],
            }
            for each in self.partitions
        ]
        return {
            "data_hash": self.data_hash,
            "partitions": partitions,
            "source_files": [file.model_dump(mode="json") for file in self.source_files],
        }


def described(store: f.ReleaseFiles) -> dict[str, Any]:
    """What the files of a release say of it, as JSON values: manifest, lineage, ranker, report; as far as it got."""
    names = {"manifest": f.MANIFEST, "lineage": f.LINEAGE, "ranker": f.RANKER, "report": f.REPORT}
    found = {part: store.get_json(name) for part, name in names.items() if store.has(name)}
    if "lineage" in found:
        found["lineage"] = Lineage.model_validate(found["lineage"]).summary()
    return found
