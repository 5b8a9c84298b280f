"""The stages on files alone, one folder per step: what ``dvc.yaml`` runs, without Airflow, Postgres or MLflow.

Configuration is ``params.yaml``: a site's YAML under ``site``, the first day and the number of days. Each step reads
the folders of those before it and writes its own, so that DVC can tell what a change concerns. The functions are those
of the stages; the same log, configuration and code give the same release, file by file, as Airflow would.

What the web service was told is not part of it: where there is no Postgres, there is no feedback.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import PositiveInt, SecretStr, ValidationError

from recsys.datasets.blobs import LocalBlobs
from recsys.datasets.manifest import Manifest
from recsys.datasets.store import DatasetStore
from recsys.errors import ConfigError, NotEnoughData
from recsys.evaluation.report import RANKED
from recsys.layout import Settings
from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.judging import judge
from recsys.releases.lineage import Lineage
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import Log, partitions_before
from recsys.releases.served import moment_served, served_slates
from recsys.sites import SiteConfig
from recsys.stages import ingest_events
from recsys.stages.build_candidates import build, describe
from recsys.stages.context import StageContext
from recsys.stages.train_ranker import train
from recsys.types import Frozen, SiteId

METRICS: Final = "metrics.json"
OF_A_RELEASE: Final = ("candidates", "ranker", "slates")
"""Steps whose files are those of a release."""


class Params(Frozen):
    """What ``params.yaml`` holds."""

    first: date
    "First UTC day of the log."
    days: PositiveInt
    site: SiteConfig

    @classmethod
    def read(cls, file: Path) -> "Params":
        """Raises ConfigError, with every fault."""
        try:
            return cls.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise ConfigError(f"found no {file}, expected first, days and site; see docs/dvc.md") from None
        except (ValidationError, yaml.YAMLError) as fault:
            raise ConfigError(f"{file}: {fault}; every key of site is in docs/sites.md") from fault


@dataclass(frozen=True)
class StepFiles(f.ReleaseFiles):
    """The files of a step in a folder of its own; reading, also those of the steps before it."""

    step: str
    before: tuple[str, ...] = ()

    def key(self, name: str) -> str:
        places = [f"{step}/{name}" for step in (self.step, *self.before)]
        return next((place for place in places if self.blobs.exists(place)), places[0])


@dataclass(frozen=True)
class OfParams(StageContext):
    """A context whose one site is that of ``params.yaml``."""

    config: SiteConfig

    def site(self, site: SiteId) -> SiteConfig:
        return self.config


@dataclass(frozen=True)
class Pipeline:
    """The steps of one ``params.yaml``; each replaces what it wrote before."""

    params: Params
    folder: Path

    def log(self) -> None:
        """The site's source as partitions of an event log."""
        ingest_events.run(site=self.site.site, first=self.params.first, days=self.params.days, context=self._context)

    def candidates(self) -> None:
        """What ``build_candidates`` writes."""
        lineage = Lineage(partitions=tuple(self._partitions))
        build(self._log, self._described.as_of, lineage, self._files("candidates"))

    def ranker(self) -> None:
        """What ``train_ranker`` writes."""
        train(self.site, self._files("ranker", "candidates"))

    def judgement(self) -> None:
        """The report of the evaluation window, and its figures as DVC's metrics."""
        store = self._files("judgement", "candidates")
        report = judge(self._log, store, self._described, {RANKED: self._ranker}).report
        store.put_json(f.REPORT, report.model_dump(mode="json"))
        store.put_json(METRICS, {name: dict(found.metrics) for name, found in report.contestants.items()})

    def slates(self) -> None:
        """Every user's ranked slate."""
        store, moment = self._files("slates", "candidates"), moment_served(self._log, self._described)
        slates = served_slates(self._log, store, self._described, moment, self._ranker)
        store.put_frame(f.RECOMMENDATIONS, slates)

    def manifest(self) -> None:
        """Says which release this is, with the hash of each of its files: the same that Airflow would give it."""
        paths = [path for step in OF_A_RELEASE for path in sorted((self.folder / step).rglob("*")) if path.is_file()]
        files = {path.relative_to(self.folder).as_posix().partition("/")[2]: _facts(path) for path in paths}
        del files[f.GENERATORS]  # no two runs take as long
        manifest = self._described.with_files(files).model_dump(mode="json")
        self._files("manifest").put_json(f.MANIFEST, manifest)

    @property
    def site(self) -> SiteConfig:
        return self.params.site

    def _files(self, step: str, *before: str) -> StepFiles:
        return StepFiles(LocalBlobs(self.folder), self.site.site, "", step, before)

    @cached_property
    def _context(self) -> StageContext:
        """The log of this folder, and no Postgres; where sources lie on S3, its keys are those of the environment."""
        url = str(self.folder / "log")
        alone = {"recsys_data_url": url, "recsys_postgres_password": SecretStr("")}
        blobs = LocalBlobs(self.folder / "log")
        return OfParams(Settings().model_copy(update=alone), blobs, DatasetStore(blobs), self.site)

    @cached_property
    def _partitions(self) -> list[Manifest]:
        found = partitions_before(self._context.datasets, self.site.site, None)
        if not found:
            raise NotEnoughData(f"{self.folder / 'log'}: found no partition, expected an event log; run the step log")
        return found

    @cached_property
    def _described(self) -> ReleaseManifest:
        return describe(self.site, self._partitions, self._partitions[-1].partition.end)

    @cached_property
    def _log(self) -> Log:
        as_of = self._described.as_of
        return Log.read(self._context.datasets, self.site, as_of=as_of, erased={}, partitions=self._partitions)

    @cached_property
    def _ranker(self) -> Ranker:
        return Ranker.load(self.folder / "ranker")


def _facts(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
