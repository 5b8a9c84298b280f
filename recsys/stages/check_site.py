"""Proves that a site's configuration can be built: its source opens, its other parts take their params."""

import polars as pl

from recsys.candidates.registry import build_generators
from recsys.events.fetching.registry import check_content_api
from recsys.events.quality import matches
from recsys.events.sources.registry import open_source
from recsys.events.sources.source import DayRange, Surroundings
from recsys.sites import SiteConfig


def run(*, site: SiteConfig) -> DayRange:
    """The UTC days of the site's events, as its source knows them.

    Raises:
        ConfigError: an unknown component, params that it refuses, or a pattern that is none.
        SourceError: the source's files are not there, or not in their form.
    """
    build_generators([*site.candidates, *site.on_trial])
    if site.catalogue.fetch:
        check_content_api(site.catalogue.fetch)
    if site.quality.line_pattern is not None:
        matches(pl.Series(dtype=pl.String), site.quality.line_pattern)
    return open_source(site.source, Surroundings(site=site.site, quality=site.quality)).days()
