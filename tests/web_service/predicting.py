"""A small shop whose sessions and impressions are predicted: a live model of each kind, soon made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp

from recsys import columns as c
from recsys.layout import Settings
from recsys.local.servers.postgres import create_database
from recsys.predictors.ctr import fit_ctr
from recsys.predictors.intent import fit_intent
from recsys.serving import publishing
from recsys.serving.continuing.followers import Followers
from recsys.serving.continuing.model import NextItems
from recsys.serving.continuing.rows import Rows
from recsys.serving.migrate import migrate
from recsys.serving.postgres import transaction
from recsys.serving.predicting.session import SessionRules
from recsys.sites import parse_site
from recsys.sites.predictor_policy import CtrPolicy, IntentPolicy
from recsys.testing.buying import drawn_sessions
from recsys.testing.clicks import drawn_clicks
from recsys.testing.small_release import CATALOGUE, NOON, SITE, write_small_release
from tests.web_service.conftest import publish_release

YAML = f"""
site: {SITE}
source: {{kind: simulator}}
interactions: [{{name: view}}, {{name: cart}}, {{name: purchase}}]
predictors: {{intent: {{}}, ctr: {{label_hours: 0}}}}
"""
CONFIG = parse_site(YAML, name="shop.yaml")
RULES = SessionRules.of_site(CONFIG)


def open_predicting_shop(postgres: Settings, folder: Path) -> Settings:
    """Settings of a database of its own with a live release of each surface; the models are in ``folder``."""
    name = {"recsys_postgres_database": "web_predicting_shop", "recsys_snapshot_users": 0}
    create_database(postgres, name["recsys_postgres_database"])
    settings = postgres.model_copy(update={**name, "recsys_sites_dir": folder / "sites", "recsys_home": folder})
    settings.sites_dir.mkdir()
    (settings.sites_dir / f"{SITE}.yaml").write_text(YAML)
    dsn = settings.postgres_dsn()
    migrate(dsn)
    publish_release(settings, "first", folder / "release", write_small_release(folder / "release"))
    _fit(folder)
    for surface in ("intent", "ctr"):
        publishing.record_release(dsn, SITE, surface, as_of=NOON, at=NOON, state="gated", surface=surface)
        publishing.publish_model(dsn, SITE, surface, folder / surface)
        publishing.activate(dsn, SITE, surface, NOON)
    return settings


def _fit(folder: Path) -> None:
    intent, sessions = IntentPolicy(iterations=10, learning_rate=0.2), drawn_sessions(400, rng=np.random.default_rng(1))
    fit_intent(sessions, RULES, intent, rng=np.random.default_rng(2)).model.save(folder / "intent")
    rows, _ = drawn_clicks(8_000, rng=np.random.default_rng(3))
    known = rows.with_columns(pl.col(c.USER_ID).str.replace("u", "user-"), pl.col(c.ITEM_ID).str.replace("i", "i0"))
    fit_ctr(known, CtrPolicy(iterations=20, learning_rate=0.2)).model.save(folder / "ctr")


@contextmanager
def live_next_items(settings: Settings, folder: Path) -> Iterator[NextItems]:
    """A model that goes from each of ten items to about six others is live for sessions, until the block ends."""
    rng = np.random.default_rng(1)
    chances = rng.random((10, 10)) * (rng.random((10, 10)) < 0.6)
    np.fill_diagonal(chances, 0.0)
    follows = Followers(Rows.of_sparse(sp.csr_matrix(chances.astype(np.float32))), position_decay=0.5)
    NextItems(CATALOGUE[:10], follows).save(folder)
    dsn = settings.postgres_dsn()
    publishing.record_release(dsn, SITE, "next", as_of=NOON, at=NOON, state="gated", surface="session")
    publishing.publish_model(dsn, SITE, "next", folder)
    publishing.activate(dsn, SITE, "next", NOON)
    try:
        yield NextItems.load(folder)
    finally:
        with transaction(dsn) as cursor:
            cursor.execute("DELETE FROM recsys.live_release WHERE surface = 'session'")
