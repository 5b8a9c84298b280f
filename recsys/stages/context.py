"""The composition root: what every stage needs, built in one place from the environment."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from recsys.datasets.blobs import Blobs, open_blobs
from recsys.datasets.fetched import FetchedItems
from recsys.datasets.reports import Reports
from recsys.datasets.store import DatasetStore
from recsys.events.schema import IMPRESSIONS, INTERACTIONS, ITEM_UPDATES
from recsys.layout import Settings
from recsys.releases.studies import Winner
from recsys.serving.feedback import count_events, erasures, read_events
from recsys.serving.impressions import impressions_digest, read_impressions
from recsys.serving.item_updates import read_item_updates
from recsys.serving.postgres import server_time
from recsys.sites import SiteConfig, load_site
from recsys.types import SiteId, UserId


@dataclass(frozen=True)
class StageContext:
    """The stores and addresses of one run. Clock-free: a stage that needs a time is given one."""

    settings: Settings
    blobs: Blobs
    datasets: DatasetStore

    def site(self, site: SiteId) -> SiteConfig:
        """The configuration of ``site``, read afresh. Raises UnknownSiteError or ConfigError."""
        return load_site(self.settings.sites_dir, site)

    def tuned_site(self, site: SiteId) -> SiteConfig:
        """The same with the parameters that tuning found best, where the site says that they are to be used."""
        config = self.site(site)
        return config.tuned(Winner.of(self.blobs, site)) if config.tuning.use_winner else config

    @property
    def reports(self) -> Reports:
        """What was found in each partition of the event log, and in those that were refused."""
        return Reports(self.blobs)

    @property
    def dsn(self) -> str:
        return self.settings.postgres_dsn()

    @property
    def tracking_uri(self) -> str:
        return self.settings.tracking_uri

    def now(self) -> datetime:
        """The moment by Postgres's clock: the library reads no other."""
        return server_time(self.dsn)

    def erased(self, site: SiteId) -> dict[UserId, datetime]:
        """Who asked to be forgotten, and when; nobody where no Postgres is configured."""
        return erasures(self.dsn, site) if self._has_postgres else {}

    def feedback(self, site: SiteId, start: datetime, end: datetime) -> pl.DataFrame:
        """What the web service was told happened from ``start`` until ``end`` (UTC, exclusive), schema INTERACTIONS.

        Empty where no Postgres is configured (RECSYS_POSTGRES_PASSWORD unset).
        """
        rows = read_events(self.dsn, site, start, end) if self._has_postgres else []
        return pl.DataFrame(rows, schema=INTERACTIONS, orient="row")

    def feedback_counts(self, site: SiteId, start: datetime, end: datetime, *, hourly: bool) -> dict[datetime, int]:
        """How many events ``feedback`` has in each UTC day, or hour; those without any are left out."""
        return count_events(self.dsn, site, start, end, hourly=hourly) if self._has_postgres else {}

    def item_updates(self, site: SiteId, start: datetime, end: datetime) -> pl.DataFrame:
        """What became known of items from ``start`` until ``end`` (UTC, exclusive), schema ITEM_UPDATES.

        The web service was told of it, or the site's content API was asked for it; not what the site's source says.
        What was told is left out where no Postgres is configured (RECSYS_POSTGRES_PASSWORD unset).
        """
        rows = read_item_updates(self.dsn, site, start, end) if self._has_postgres else []
        told = pl.DataFrame(rows, schema=ITEM_UPDATES, orient="row")
        return pl.concat([told, FetchedItems(self.blobs, site).updates(start, end)])

    def impressions(self, site: SiteId, start: datetime, end: datetime) -> pl.DataFrame:
        """What the web service showed to named users from ``start`` until ``end`` (UTC, exclusive), schema IMPRESSIONS.

        Pages after the first are left out. Empty where no Postgres is configured (RECSYS_POSTGRES_PASSWORD unset).
        """
        rows = read_impressions(self.dsn, site, start, end) if self._has_postgres else []
        return pl.DataFrame(rows, schema=IMPRESSIONS, orient="row")

    def impressions_digest(self, site: SiteId, start: datetime, end: datetime) -> str:
        """Says whether ``impressions`` gives what it gave before, without reading them."""
        return impressions_digest(self.dsn, site, start, end) if self._has_postgres else ""

    @property
    def _has_postgres(self) -> bool:
        return bool(self.settings.recsys_postgres_password.get_secret_value())


def open_context(settings: Settings | None = None) -> StageContext:
    """A context on ``settings``, by default those of the environment."""
    settings = settings or Settings()
    blobs = open_blobs(settings.data_url, settings)
    return StageContext(settings=settings, blobs=blobs, datasets=DatasetStore(blobs))
