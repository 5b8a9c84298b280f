"""The files of one release: on the object store under the release, and exported on their way into Postgres."""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import polars as pl

from recsys.datasets.blobs import Blobs
from recsys.errors import ReleaseError
from recsys.serving.scoring import form as scoring
from recsys.types import ReleaseId, SiteId

TOP_POPULAR: Final = "top_popular.parquet"
SIMILAR: Final = "similar.parquet"
ITEMS: Final = "items.parquet"
CANDIDATES_TRAIN: Final = "candidates_train.parquet"
CANDIDATES_EVALUATION: Final = "candidates_evaluation.parquet"
TRUTH: Final = "truth.parquet"
GENERATORS: Final = "generators.parquet"
"""What each generator found on the evaluation window, and what it cost; not in the manifest: seconds differ by run."""
CANDIDATES_INFERENCE: Final = "candidates_inference.parquet"
CLICK_RATES: Final = "click_rates.parquet"
"""What was shown and acted upon, per item: what the features of candidates_inference say of clicks rests on it."""
EXCLUDED: Final = "excluded.parquet"
RECOMMENDATIONS: Final = "recommendations.parquet"
CATBOOST_MODEL: Final = "catboost_model.cbm"
RANKER: Final = "ranker.json"
FITTED: Final = "generators"
"""Folder of the generators that propose what is served, one folder each."""
LINEAGE: Final = "lineage.json"
REPORT: Final = "report.json"
PAGE: Final = "report.html"
REFERENCE: Final = "reference.json"
"""Of a predictor: what it looked at and said before it went live; later rows are compared with it."""
MANIFEST: Final = "manifest.json"

SERVED: Final = (TOP_POPULAR, SIMILAR, ITEMS, RECOMMENDATIONS)
"""What is copied into Postgres."""
EXPORTED: Final = (
    *SERVED, CANDIDATES_TRAIN, CANDIDATES_INFERENCE, CATBOOST_MODEL, RANKER, MANIFEST,
)  # fmt: skip
"""What lies in the exchange folder, the manifest last."""
AT_REQUEST_TIME: Final = (scoring.USERS, scoring.ITEMS, scoring.FORM)
"""What lies there too where the site's ranker scores at request time."""


@dataclass(frozen=True)
class ReleaseFiles:
    """One release's folder on the object store."""

    blobs: Blobs
    site: SiteId
    release_id: ReleaseId

    def key(self, name: str) -> str:
        return f"releases/{self.site}/{self.release_id}/{name}"

    def has(self, name: str) -> bool:
        return self.blobs.exists(self.key(name))

    def put_bytes(self, name: str, content: bytes) -> dict[str, Any]:
        """Stores one file whole; returns what a manifest says of it: sha256 and bytes."""
        self.blobs.put(self.key(name), content)
        return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

    def put_frame(self, name: str, frame: pl.DataFrame) -> dict[str, Any]:
        """Stores a frame as Parquet; the same rows in the same order give the same bytes."""
        buffer = BytesIO()
        frame.write_parquet(buffer, compression="zstd", statistics=True)
        return {"rows": frame.height, **self.put_bytes(name, buffer.getvalue())}

    def put_json(self, name: str, content: dict[str, Any]) -> dict[str, Any]:
        return self.put_bytes(name, json.dumps(content, sort_keys=True, indent=1).encode())

    def put_folder(self, name: str, folder: Path) -> dict[str, dict[str, Any]]:
        """Stores every file of ``folder``, however deep, under ``name``; returns what a manifest says of each."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        named = {f"{name}/{path.relative_to(folder).as_posix()}": path for path in files}
        return {name: self.put_bytes(name, path.read_bytes()) for name, path in named.items()}

    def get_folder(self, name: str, folder: Path) -> None:
        """Brings every file that lies under ``name`` into ``folder``, which is made when absent."""
        folder.mkdir(parents=True, exist_ok=True)
        start = self.key(f"{name}/")
        for key in self.blobs.list(start):
            self.blobs.download(key, folder / key.removeprefix(start))

    def get_bytes(self, name: str) -> bytes:
        """Raises ReleaseError when the release has no such file."""
        if not self.has(name):
            raise ReleaseError(
                f"release {self.release_id}: found no {name}; expected it from an earlier stage. "
                f"Run the stages of site {self.site} in order: build_candidates, train_ranker, release_recommendations"
            )
        return self.blobs.get(self.key(name))

    def get_frame(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(BytesIO(self.get_bytes(name)))

    def scan(self, name: str) -> pl.LazyFrame:
        """The same, read as far as is asked for."""
        return pl.scan_parquet(
            self.blobs.location(self.key(name)), storage_options=self.blobs.storage_options, glob=False
        )

    def get_json(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.get_bytes(name))
        return content

    def remove(self) -> int:
        """Takes the release's files away, the manifest first; returns how many there were."""
        keys = sorted(self.blobs.list(self.key("")), key=lambda key: not key.endswith(MANIFEST))
        for key in keys:
            self.blobs.delete(key)
        return len(keys)

    def export(self, folder: Path) -> None:
        """Copies the release into ``folder``, over an earlier one; each file in one step, the manifest last."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in (MANIFEST, *AT_REQUEST_TIME):
            (folder / name).unlink(missing_ok=True)
        for name in (*filter(self.has, AT_REQUEST_TIME), *EXPORTED):
            handle, aside = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
            with os.fdopen(handle, "wb") as file:
                file.write(self.get_bytes(name))
            os.replace(aside, folder / name)
