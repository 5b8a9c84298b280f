"""Who we serve: one frozen ``SiteConfig`` per site, read from one commented YAML."""

from recsys.sites.adding import add_site, template_names
from recsys.sites.config import ComponentSpec, InteractionType, SiteConfig
from recsys.sites.loading import load_site, parse_site, site_ids

__all__ = [
    "ComponentSpec",
    "InteractionType",
    "SiteConfig",
    "add_site",
    "load_site",
    "parse_site",
    "site_ids",
    "template_names",
]
