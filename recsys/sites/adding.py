"""Adds a site from one of the templates that ship with the library."""

import os
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from recsys.errors import ConfigError
from recsys.sites.config import SiteConfig
from recsys.sites.loading import parse_site
from recsys.types import SiteId

PLACEHOLDER = "{{from}}"


def template_names() -> list[str]:
    """The sites that can be added by name alone."""
    return sorted(Path(entry.name).stem for entry in _templates().iterdir() if entry.name.endswith(".yaml"))


def add_site(sites_dir: Path, site: SiteId, *, from_dir: Path | None = None) -> SiteConfig:
    """Writes ``<site>.yaml`` into ``sites_dir`` and returns it.

    Args:
        sites_dir: made when absent.
        site: name of a template.
        from_dir: folder of the site's raw files, where the template reads files.

    Raises:
        ConfigError: no such template, the site is there already, or the folder is missing.
    """
    if site not in template_names():
        raise ConfigError(
            f"found no template {site!r}; expected one of: {', '.join(template_names())}. "
            f"For a site of your own, write {sites_dir / (site + '.yaml')}; docs/sites.md shows how"
        )
    target = sites_dir / f"{site}.yaml"
    if target.exists():
        raise ConfigError(f"site {site!r} is there already: {target}; edit that file, or delete it first")
    text = _templates().joinpath(f"{site}.yaml").read_text(encoding="utf-8")
    if PLACEHOLDER in text:
        text = text.replace(PLACEHOLDER, _quoted(_existing(site, from_dir)))
    elif from_dir is not None:
        raise ConfigError(f"site {site!r} makes its own events; leave --from out")
    config = parse_site(text, name=str(target))
    sites_dir.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(".part")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, target)
    return config


def _existing(site: SiteId, from_dir: Path | None) -> Path:
    if from_dir is None:
        raise ConfigError(f"site {site!r} reads files; say where they are: recsys sites add {site} --from DIR")
    if not from_dir.is_dir():
        raise ConfigError(f"found no folder {from_dir}; expected the folder that holds the files of {site!r}")
    return from_dir.resolve()


def _quoted(path: Path) -> str:
    """The path as one YAML scalar, whatever characters it has."""
    return yaml.safe_dump(str(path), default_style='"', width=10_000).strip()


def _templates() -> Traversable:
    return files("recsys.sites").joinpath("templates")
