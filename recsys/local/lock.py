"""One platform per RECSYS_HOME: a file lock, which the kernel releases whatever happens to its holder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys.errors import PlatformError

FILE = "platform.lock"


@contextmanager
def held(home: Path) -> Iterator[None]:
    """This process holds the folder.

    Raises:
        PlatformError: another platform runs in it; says which process.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PlatformError(
                f"A platform already runs in {home.resolve()} (process {holder(home)}). "
                "Stop it with `make down`, or give this one another RECSYS_HOME."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def holder(home: Path) -> int | None:
    """The process that holds the folder; None: nobody does. The id is never a stale one: the lock is asked first."""
    if not (home / FILE).exists():
        return None
    with (home / FILE).open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read() or 0)
    return None
