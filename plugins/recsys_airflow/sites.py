"""The sites that get DAGs: those whose YAML is sound."""

from recsys.errors import ConfigError
from recsys.layout import Settings
from recsys.sites import SiteConfig, load_site, site_ids
from recsys.types import SiteId


def usable_sites() -> list[SiteConfig]:
    """Every site whose YAML can be used, by name; one that is broken costs the others nothing."""
    return _read()[0]


def names_of_sites() -> list[SiteId]:
    """Every site there is, also those whose YAML is broken."""
    return site_ids(Settings().sites_dir)


def refuse_broken_sites() -> None:
    """Does nothing when every site's YAML is sound.

    Raises:
        ConfigError: every fault of every broken YAML, with file, line and key. Raised while a DAG file is parsed, it
            is the import error that Airflow shows at the top of its pages.
    """
    broken = _read()[1]
    if broken:
        names = ", ".join(sorted(broken))
        told = "\n".join(broken[site] for site in sorted(broken))
        raise ConfigError(f"no DAGs for {names}; mend the file, and they come back by themselves\n{told}")


def _read() -> tuple[list[SiteConfig], dict[SiteId, str]]:
    folder = Settings().sites_dir
    usable, broken = [], {}
    for site in site_ids(folder):
        try:
            usable.append(load_site(folder, site))
        except ConfigError as fault:
            broken[site] = str(fault)
        except (OSError, UnicodeDecodeError) as fault:
            broken[site] = f"{folder / site}.yaml: cannot be read as UTF-8 text: {fault}"
    return usable, broken
