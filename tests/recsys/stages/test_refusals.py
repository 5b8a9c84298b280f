"""Four releases that must not go live, each made by the stages on real servers; the honest one stays live."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import mlflow
import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.datasets.manifest import Manifest
from recsys.datasets.tables import INTERACTED, UPDATED
from recsys.events.counts import RowCounts
from recsys.releases import files as f
from recsys.serving import lifecycle
from recsys.stages import build_candidates, ingest_events, release_recommendations, train_ranker
from recsys.stages.context import StageContext
from recsys.stages.release_recommendations import ReleaseReport
from tests.recsys.stages.conftest import AS_OF, DAYS, FIRST, QUICK, SITE

pytestmark = pytest.mark.platform

Rows = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture(scope="module")
def shop(make_context: Callable[[], StageContext]) -> StageContext:
    """A site with an honest live release."""
    context = make_context()
    path = context.settings.sites_dir / f"{SITE}.yaml"
    path.write_text(path.read_text().replace("ranker: {iterations: 60}\n", QUICK))
    ingest_events.run(site=SITE, first=FIRST, days=DAYS, context=context)
    honest = release(context)
    assert honest.accepted, honest.reason
    return context


@pytest.fixture(autouse=True)
def live_stays(shop: StageContext) -> Iterator[None]:
    before = lifecycle.live_release(shop.dsn, SITE)
    yield
    assert lifecycle.live_release(shop.dsn, SITE) == before


def release(context: StageContext, *, tamper: Rows | None = None) -> ReleaseReport:
    """The stages one after the other; what the ranker learns from is changed by ``tamper`` between them."""
    built = build_candidates.run(site=SITE, context=context)
    assert not built.unchanged
    if tamper is not None:
        store = f.ReleaseFiles(context.blobs, SITE, built.release_id)
        store.put_frame(f.CANDIDATES_TRAIN, tamper(store.get_frame(f.CANDIDATES_TRAIN)))
    train_ranker.run(site=SITE, release_id=built.release_id, context=context)
    return release_recommendations.run(site=SITE, release_id=built.release_id, context=context)


def new_seed(context: StageContext, seed: int) -> None:
    """The next release is another one."""
    path = context.settings.sites_dir / f"{SITE}.yaml"
    path.write_text(re.sub(r"ranker: \{(seed: \d+, )?", f"ranker: {{seed: {seed}, ", path.read_text()))


def rewrite(context: StageContext, manifest: Manifest, keep: pl.Expr) -> None:
    """The partition holds only these interactions afterwards."""
    kept = context.datasets.read(INTERACTED, [manifest]).collect().filter(keep)
    updates = context.datasets.read(UPDATED, [manifest]).collect()
    counts = RowCounts(rows_in=kept.height, kept=kept.height, quarantined={}, duplicates=0)
    context.datasets.commit(manifest.partition, {INTERACTED: kept, UPDATED: updates}, counts=counts)


def test_shuffled_labels(shop: StageContext):
    new_seed(shop, 1)
    shuffled = pl.col(c.LABEL).shuffle(seed=3).over(c.AS_OF, c.USER_ID)
    found = release(shop, tamper=lambda rows: rows.with_columns(shuffled))
    assert found.reason.startswith("Refused: what the generators tell of the labels that were learned is")
    assert "(less means wrong labels)" in found.reason

    told = lifecycle.release_report(shop.dsn, SITE, found.release_id)
    store = f.ReleaseFiles(shop.blobs, SITE, found.release_id)
    assert told["decision"]["reason"] == found.reason == store.get_json(f.REPORT)["decision"]["reason"]
    assert store.has(f.RECOMMENDATIONS)
    [listed] = [each for each in lifecycle.releases(shop.dsn, SITE) if each.release_id == found.release_id]
    assert (listed.state, listed.reason, listed.published) == ("refused", found.reason, False)
    mlflow.set_tracking_uri(shop.tracking_uri)
    run_id = store.get_json(f.MANIFEST)["mlflow_run_id"]
    page = mlflow.artifacts.load_text(f"runs:/{run_id}/report.html")
    assert "Refused." in page
    assert "what the generators tell of the labels" in page


def test_a_leaked_future_feature(shop: StageContext):
    new_seed(shop, 2)
    noise = np.random.default_rng(1)

    def leak(rows: pl.DataFrame) -> pl.DataFrame:
        known = (pl.col(c.LABEL) > 0) + pl.Series(noise.normal(0, 0.5, rows.height))
        return rows.with_columns(known.cast(pl.Float32).alias(c.ITEM_TREND))

    found = release(shop, tamper=leak)
    assert found.reason.startswith("Refused: what one feature tells in training and not later is")
    assert f"({c.ITEM_TREND})" in found.reason


def test_a_day_of_broken_data(shop: StageContext):
    broken = AS_OF.date() - timedelta(days=2)
    [manifest] = shop.datasets.manifests(SITE, broken, broken + timedelta(days=1))
    rewrite(shop, manifest, pl.int_range(pl.len()) % 20 == 0)
    found = release(shop)
    ingest_events.run(site=SITE, first=broken, days=1, context=shop)
    assert found.reason.startswith(f"Refused: a day of the last 7 days with too little is {broken} with")


def test_half_of_the_users_missing(shop: StageContext):
    users = shop.datasets.scan(INTERACTED, SITE).select(c.USER_ID).unique().collect()[c.USER_ID].sort()
    for manifest in shop.datasets.manifests(SITE):
        rewrite(shop, manifest, pl.col(c.USER_ID).is_in(users.head(len(users) // 2).implode()))
    found = release(shop)
    assert (
        "Refused: the number of users, relative to the live release, is 49.8 %, expected at least 80.0 %"
        in found.reason
    )
