"""The release of a small simulated shop whose ranker scores at request time, as files; made without any server."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from recsys.datasets.blobs import LocalBlobs
from recsys.events.schema import ITEM_UPDATES
from recsys.events.simulator import Shop, ShopParams
from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import Log, Moment
from recsys.releases.ranker_parts import put_parts
from recsys.releases.served import moment_served, served_slates
from recsys.serving.scoring.form import DOCUMENTS, FORM, ITEMS, USERS
from recsys.sites import SiteConfig, parse_site
from recsys.stages.build_candidates import describe, to_learn, to_serve
from recsys.stages.train_ranker import train

SHOP: Final = ShopParams(seed=11, users=120, items=80)
AS_OF: Final = datetime(2026, 4, 1, tzinfo=UTC)
DAYS: Final = 35
SITE: Final = """
site: ranked_shop
source: {kind: simulator}
interactions:
  - {name: view, weight: 1.0, gain: 1}
  - {name: cart, weight: 3.0, gain: 2}
  - {name: purchase, weight: 5.0, gain: 3}
windows: {history_days: 60, label_days: 7, label_windows: 1, evaluation_days: 7}
candidates_per_source: 100
ranker:
  iterations: 30
  folds: 2
  features: [activity, popularity, beginnings, mainstream, price, encounters, category, visit, rhythm, clicks, affinity]
serving:
  slate_size: 20
  similar_size: 200
  online_ranking: {enabled: true, budget_ms: 5000, candidates: 2000}
"""


@dataclass(frozen=True)
class RankedRelease:
    """What was learned, and where its files lie."""

    log: Log
    moment: Moment
    ranker: Ranker
    candidates: pl.DataFrame
    "candidates_inference."
    manifest: ReleaseManifest
    store: f.ReleaseFiles

    @property
    def rows(self) -> dict[str, int]:
        """Of the files that go into Postgres, as a manifest counts them."""
        tables = {name: self.manifest.files[name].rows or 0 for name in (*f.SERVED, ITEMS, USERS)}
        return {**tables, FORM: len(DOCUMENTS)}


def make_ranked_release(folder: Path) -> RankedRelease:
    """A release of the small shop as of AS_OF, its files in a store under ``folder``."""
    site = parse_site(SITE, name="ranked_shop.yaml")
    return release_of(shop_log(site, SHOP, AS_OF, days=DAYS), AS_OF, folder)


def shop_log(site: SiteConfig, params: ShopParams, as_of: datetime, *, days: int) -> Log:
    """What a simulated shop's log says of so many days before ``as_of``."""
    shop = Shop(params)
    dates = [as_of.date() - timedelta(days=back) for back in range(days, 0, -1)]
    told = [shop.catalogue(dates[0]), *map(shop.item_updates, dates[1:])]
    return Log(site, pl.concat(map(shop.events, dates)), pl.concat(told).select(list(ITEM_UPDATES)))


def release_of(log: Log, as_of: datetime, folder: Path) -> RankedRelease:
    """The release that a log gives, not judged, its files in a store under ``folder``."""
    site = log.site
    manifest = describe(site, [], as_of)
    store = f.ReleaseFiles(LocalBlobs(folder), site.site, manifest.release_id)
    served, _ = to_serve(log, as_of)
    frames = {**to_learn(log, as_of), **served}
    manifest = manifest.with_files({name: store.put_frame(name, frame) for name, frame in frames.items()})
    ranker, written = train(site, store)
    manifest = manifest.with_files(written)
    moment = moment_served(log, manifest)
    slates = served_slates(log, store, manifest, moment, ranker)
    manifest = manifest.with_files({f.RECOMMENDATIONS: store.put_frame(f.RECOMMENDATIONS, slates)})
    manifest = manifest.with_files(put_parts(store, manifest, ranker, moment))
    store.put_json(f.MANIFEST, manifest.model_dump(mode="json"))
    return RankedRelease(log, moment, ranker, frames[f.CANDIDATES_INFERENCE], manifest, store)
