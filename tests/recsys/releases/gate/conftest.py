"""Releases of a small simulated site as the stages make them, in this process: no server."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.datasets.local_blobs import LocalBlobs
from recsys.features.feature_set import FeatureSet
from recsys.layout import Settings
from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.examination import Examination, examine
from recsys.releases.incumbent import Incumbent
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import Log
from recsys.sites import SiteConfig
from recsys.stages import ingest_events
from recsys.stages.build_candidates import to_judge, to_learn, to_serve
from recsys.stages.context import StageContext, open_context
from recsys.testing.throwaway import settings_in

SITE = "small_shop"
FIRST, DAYS = date(2026, 3, 1), 40
AS_OF = datetime(2026, 4, 10, tzinfo=UTC)
assert AS_OF.date() == FIRST + timedelta(days=DAYS)

YAML = """
site: small_shop
source: {kind: simulator, params: {seed: 11, users: 200, items: 120}}
interactions:
  - {name: view, weight: 1.0, gain: 1}
  - {name: cart, weight: 3.0, gain: 2}
  - {name: purchase, weight: 5.0, gain: 3}
windows: {history_days: 60, label_days: 7, label_windows: 2, evaluation_days: 7}
ranker: {iterations: 20, folds: 1}
candidates: [{kind: popularity}, {kind: item_item}, {kind: ease}]
candidates_per_source: 40
gate: {min_users: 20}
"""

Tamper = Callable[[dict[str, pl.DataFrame]], dict[str, pl.DataFrame]]


@dataclass(frozen=True)
class Made:
    """A release, and what was found of it."""

    store: f.ReleaseFiles
    ranker: Ranker
    examination: Examination


Make = Callable[..., Made]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> StageContext:
    """A context without Postgres, with the log of the small shop."""
    folder = tmp_path_factory.mktemp(SITE)
    sites = folder / "sites"
    sites.mkdir()
    (sites / f"{SITE}.yaml").write_text(YAML)
    settings: Settings = settings_in(folder).model_copy(
        update={
            "recsys_data_url": str(folder / "data"),
            "recsys_sites_dir": sites,
            "recsys_postgres_password": Settings.model_fields["recsys_postgres_password"].default,
        }
    )
    made = open_context(settings)
    ingest_events.run(site=SITE, first=FIRST, days=DAYS, context=made)
    return made


@pytest.fixture(scope="session")
def site(shop: StageContext) -> SiteConfig:
    return shop.site(SITE)


@pytest.fixture(scope="session")
def log(shop: StageContext, site: SiteConfig) -> Log:
    return Log.read(shop.datasets, site, as_of=AS_OF, erased={})


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes and examines a release of a log, its files changed by ``tamper`` before anything is learned from them."""

    def made(
        log: Log,
        *,
        as_of: datetime = AS_OF,
        tamper: Tamper = lambda files: files,
        live: f.ReleaseFiles | None = None,
        refused: tuple[str, ...] = (),
    ) -> Made:
        folder: Path = tmp_path_factory.mktemp("release")
        store = f.ReleaseFiles(LocalBlobs(folder), SITE, f"{SITE}-{folder.name}")
        served, _ = to_serve(log, as_of)
        files = tamper({**to_learn(log, as_of), **to_judge(log, as_of), **served})
        for name, frame in files.items():
            store.put_frame(name, frame)
        features = FeatureSet.of_site(log.site)
        rng = np.random.default_rng(log.site.ranker.seed)
        ranker = Ranker(features, log.site.ranker).fit(files[f.CANDIDATES_TRAIN], rng=rng)
        ranker.save(folder / "ranker")
        for name in (f.CATBOOST_MODEL, f.RANKER):
            store.put_bytes(name, (folder / "ranker" / name).read_bytes())
        manifest = ReleaseManifest(
            release_id=store.release_id,
            site=SITE,
            as_of=as_of,
            data_hash="d",
            partitions=DAYS,
            config=log.site.model_dump(mode="json"),
            config_hash="c",
            code_version="v",
            feature_hash=features.hash,
            seed=log.site.ranker.seed,
        )
        store.put_json(f.MANIFEST, manifest.model_dump(mode="json"))
        window_start = as_of - timedelta(days=log.site.windows.evaluation_days)
        incumbent = live and Incumbent.of(live, features, log, window_start=window_start)
        found = examine(log, store, manifest, ranker, incumbent=incumbent, refused=refused)
        store.put_frame(f.RECOMMENDATIONS, found.served)
        return Made(store, ranker, found)

    return made


@pytest.fixture(scope="session")
def honest(log: Log, make: Make) -> Made:
    return make(log)


def with_gate(log: Log, **changed: object) -> Log:
    """The same log for a site that asks something else of a release."""
    gate = log.site.gate.model_validate({**log.site.gate.model_dump(), **changed})
    return replace(log, site=log.site.model_copy(update={"gate": gate}))
