"""A small simulated site, judged in this process: no server."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys.evaluation.contestants import LIVE, RANKED
from recsys.evaluation.gate import decide
from recsys.features.feature_set import FeatureSet
from recsys.layout import Settings
from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.judging import Judgement, judge
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import Log
from recsys.releases.page.findings import Findings, findings
from recsys.sites import SiteConfig, load_site
from recsys.stages import ingest_events
from recsys.stages.build_candidates import to_judge, to_learn
from recsys.stages.context import StageContext, open_context
from recsys.testing.throwaway import settings_in
from tests.recsys.evaluation.gate.conftest import WHOLE

SITE = "small_shop"
FIRST, DAYS = date(2026, 3, 1), 30
AS_OF = datetime(2026, 3, 31, tzinfo=UTC)
assert AS_OF.date() == FIRST + timedelta(days=DAYS)

YAML = """
site: small_shop
title: A small shop
source: {kind: simulator, params: {seed: 11, users: 200, items: 120}}
interactions:
  - {name: view, weight: 1.0, gain: 1}
  - {name: cart, weight: 3.0, gain: 2}
  - {name: purchase, weight: 5.0, gain: 3}
windows: {label_windows: 2}
ranker: {iterations: 40}
candidates_per_source: 40
gate: {min_users: 20}
"""


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> StageContext:
    folder = tmp_path_factory.mktemp("small_shop")
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
def site(context: StageContext) -> SiteConfig:
    return load_site(context.settings.sites_dir, SITE)


@pytest.fixture(scope="session")
def log(context: StageContext, site: SiteConfig) -> Log:
    return Log.read(context.datasets, site, as_of=AS_OF, erased={})


@pytest.fixture(scope="session")
def store(context: StageContext, log: Log) -> f.ReleaseFiles:
    """The files of a release that the judgement reads."""
    files = f.ReleaseFiles(context.blobs, SITE, "small_shop-20260331T0000-12345678")
    judged = {**to_learn(log, AS_OF), **to_judge(log, AS_OF)}
    for name, frame in judged.items():
        if isinstance(frame, pl.DataFrame):
            files.put_frame(name, frame)
    files.put_frame(f.ITEMS, log.at(AS_OF, rng=np.random.default_rng(7)).recall.items)
    return files


@pytest.fixture(scope="session")
def manifest(store: f.ReleaseFiles) -> ReleaseManifest:
    return ReleaseManifest(
        release_id=store.release_id,
        site=SITE,
        as_of=AS_OF,
        data_hash="d",
        partitions=DAYS,
        config_hash="c",
        code_version="v",
        feature_hash="f",
        seed=7,
    )


@pytest.fixture(scope="session")
def rankers(store: f.ReleaseFiles, site: SiteConfig) -> dict[str, Ranker]:
    features, rows = FeatureSet.of_site(site), store.get_frame(f.CANDIDATES_TRAIN)
    short = site.ranker.model_copy(update={"iterations": 5})
    return {
        name: Ranker(features, policy).fit(rows, rng=np.random.default_rng(7))
        for name, policy in ((RANKED, site.ranker), (LIVE, short))
    }


@pytest.fixture(scope="session")
def judgement(log: Log, store: f.ReleaseFiles, manifest: ReleaseManifest, rankers: dict[str, Ranker]) -> Judgement:
    return judge(log, store, manifest, rankers)


@pytest.fixture(scope="session")
def found(
    log: Log,
    manifest: ReleaseManifest,
    judgement: Judgement,
    rankers: dict[str, Ranker],
    tmp_path_factory: pytest.TempPathFactory,
) -> Findings:
    return findings(
        log,
        manifest,
        judgement,
        decide(judgement.report, log.site.gate, WHOLE),
        rankers[RANKED],
        curve=rankers[RANKED].curve().to_series().to_list(),
        forgotten=(),
    )
