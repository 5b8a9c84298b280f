"""Postgres refuses to run as root: when root starts the platform, it runs as a system user of its own."""

import os
import pwd
import stat
import subprocess
from pathlib import Path
from typing import Any

from recsys.errors import ConfigError

POSTGRES = "recsys_postgres"


def ensure(name: str) -> pwd.struct_passwd:
    """The entry of a system user without login and home; it is made when there is none."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        subprocess.run(command, check=True, capture_output=True, text=True)
        return pwd.getpwnam(name)


def give(name: str, *paths: Path) -> dict[str, Any]:
    """When root: the paths belong to the user afterwards. Otherwise nothing changes.

    Returns:
        Arguments of subprocess.run with which a command runs as whom the paths belong to.
    """
    if os.geteuid() != 0:
        return {}
    user = ensure(name)
    for path in paths:
        os.chown(path, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def let_through(name: str, path: Path) -> None:
    """The user can enter ``path``: others may traverse each folder on the way, but not list it.

    Raises:
        ConfigError: a folder on the way is not ours to change.
    """
    user = ensure(name)
    for folder in (path, *path.parents):
        mode = folder.stat()
        open_to = stat.S_IXOTH if mode.st_uid != user.pw_uid else stat.S_IXUSR
        if mode.st_mode & open_to:
            continue
        try:
            folder.chmod(stat.S_IMODE(mode.st_mode) | open_to)
        except OSError as error:
            raise ConfigError(
                f"{folder} cannot be entered by the system user {name}, who runs Postgres for root ({error}). "
                "Start the platform as another user than root, or choose a RECSYS_HOME that others may enter."
            ) from error


def become(name: str) -> None:
    """This process runs as the user from here on; there is no way back."""
    user = ensure(name)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
