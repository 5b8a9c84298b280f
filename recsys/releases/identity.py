"""What makes two releases the same: the fingerprint of data, configuration, code and time.

The same four give the same release_id, so a run that was killed and started again continues the same release.
"""

import hashlib
import json
import subprocess
from datetime import datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from recsys.sites import SiteConfig
from recsys.types import ReleaseId


def release_id(site: SiteConfig, *, as_of: datetime, data_hash: str) -> ReleaseId:
    """Site, as_of and the first 8 digits of the fingerprint, such as ``shop-20260801T0000-1f2e3d4c``."""
    parts = [site.site, as_of.isoformat(), data_hash, config_hash(site), code_version()]
    fingerprint = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"{site.site}-{as_of:%Y%m%dT%H%M}-{fingerprint[:8]}"


def config_hash(site: SiteConfig) -> str:
    """SHA-256 of everything in the site's configuration that can change what is learned or served.

    Left out: when Airflow runs, where the data come from, how parameters are searched for, what else is predicted, and
    who gets it first.
    """
    elsewhere = {"schedule", "source", "catalogue", "title", "tuning", "candidates_on_trial", "predictors"}
    content = site.model_dump(mode="json", exclude=elsewhere | {"canary", "drift", "experiments"})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@cache
def code_version() -> str:
    """SHA-256 of the library's source files: what really runs, with or without a git checkout."""
    digest = hashlib.sha256()
    for name, text in sorted(_sources(files("recsys"), "recsys")):
        digest.update(f"{name}\n{len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()


@cache
def git_commit() -> str | None:
    """The commit of the checkout that the library runs from, ``-dirty`` where it was changed since; None: installed."""
    checkout = Path(str(files("recsys"))).parent
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # no git here, or one that refuses another user's checkout
        return None
    return said.stdout.strip()


def _sources(folder: Traversable, name: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        path = f"{name}/{entry.name}"
        if entry.is_dir():
            found += _sources(entry, path)
        elif entry.name.endswith((".py", ".sql")):
            found.append((path, entry.read_bytes()))
    return found
