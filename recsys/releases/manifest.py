"""Where a release came from: everything needed to explain or repeat it."""

import platform
from importlib.metadata import version
from typing import Any, Final

from pydantic import AwareDatetime, Field, ValidationError

from recsys.errors import ReleaseError
from recsys.sites import SiteConfig
from recsys.types import Frozen, ReleaseId, SiteId

LIBRARIES: Final = (
    *("catboost", "gensim", "implicit", "mlflow", "numpy", "polars", "pyarrow", "scikit-learn", "scipy"),
)
"""Those whose version may change what is computed."""


def installed() -> dict[str, str]:
    """Versions of ``LIBRARIES``, and of Python."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


class FileEntry(Frozen):
    """One file of a release."""

    sha256: str
    bytes: int
    rows: int | None = None
    "None for files that are not tables."


class ReleaseManifest(Frozen):
    """The lineage of one release, by content hash. Grows with each stage; nothing written is changed later.

    What was read stands in ``lineage.json`` beside it, which is one of ``files``.
    """

    release_id: ReleaseId
    site: SiteId
    as_of: AwareDatetime
    "Exclusive: nothing at or after this time was known."
    data_hash: str
    "Of the event-log partitions that were read."
    partitions: int
    config_hash: str
    config: dict[str, Any] = Field(default_factory=dict)
    "The site's configuration as it was used, with tuned parameters; empty in manifests of older versions."
    code_version: str
    "Hash of the library's source files."
    git_commit: str | None = None
    "Of the checkout that ran, with -dirty where files were changed since; None where it was installed."
    feature_hash: str
    seed: int
    libraries: dict[str, str] = Field(default_factory=installed)
    files: dict[str, FileEntry] = Field(default_factory=dict)
    mlflow_run_id: str | None = None
    model_version: str | None = None
    "Version of the site's ranker in the MLflow registry."
    generators_version: str | None = None
    "Version of the site's generators there."

    def site_config(self) -> SiteConfig:
        """The site as it was configured for this release.

        Raises:
            ReleaseError: the manifest has no configuration, or one that this version does not understand.
        """
        try:
            return SiteConfig.model_validate(self.config)
        except ValidationError as fault:
            code = self.git_commit or self.code_version
            raise ReleaseError(
                f"release {self.release_id}: found a configuration that this version does not understand "
                f"({fault.error_count()} faults), expected one of its own; use the code that made it: {code}"
            ) from fault

    def with_files(self, files: dict[str, dict[str, object]]) -> "ReleaseManifest":
        """The same manifest with these files added."""
        added = {name: FileEntry.model_validate(entry) for name, entry in files.items()}
        return self.model_copy(update={"files": {**self.files, **added}})
