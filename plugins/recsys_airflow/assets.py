"""The borders between a site's DAGs, as Airflow assets; the names are the borders of the architecture."""

from airflow.sdk import Asset

from recsys.types import SiteId


def event_log(site: SiteId) -> Asset:
    """The validated events, in partitions of one UTC day."""
    return _asset(site, "event_log")


def candidates(site: SiteId) -> Asset:
    """What could be shown: the candidate files of one release."""
    return _asset(site, "candidates")


def ranker(site: SiteId) -> Asset:
    """The learned order: the ranker of one release."""
    return _asset(site, "ranker")


def release(site: SiteId) -> Asset:
    """What the web may see: a release that passed the gate and is live."""
    return _asset(site, "release")


def drift(site: SiteId) -> Asset:
    """A day that is unlike what the live release learned from."""
    return _asset(site, "drift")


def predictor_drift(site: SiteId) -> Asset:
    """A predictor that no longer sees what it learned from, or whose predictions do not hold."""
    return _asset(site, "predictor_drift")


def _asset(site: SiteId, border: str) -> Asset:
    """A name is enough: for an asset with a URI, Airflow loads every provider while it parses the DAG file."""
    return Asset(name=f"{border}__{site}", group=border)
