"""Proves that a site's configuration can be built: its source opens, its generators take their params."""

from recsys.candidates.registry import build_generators
from recsys.events.sources.registry import open_source
from recsys.events.sources.source import DayRange, Surroundings
from recsys.sites import SiteConfig


def run(*, site: SiteConfig) -> DayRange:
    """The UTC days of the site's events, as its source knows them.

    Raises:
        ConfigError: an unknown component, or params that it refuses.
        SourceError: the source's files are not there, or not in their form.
    """
    build_generators(site.candidates)
    return open_source(site.source, Surroundings(site=site.site, quality=site.quality)).days()
