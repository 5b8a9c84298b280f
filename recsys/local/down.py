"""``python -m recsys.local.down``: ends the platform of this RECSYS_HOME, from wherever it was started."""

import os
import signal
import sys
import time

from recsys.errors import PlatformError
from recsys.layout import Settings
from recsys.local import leftovers, lock

PATIENCE = 90.0
"""Seconds the platform may take to stop in good order."""


def down(settings: Settings) -> str:
    """No process of the platform runs afterwards; returns what was found.

    Raises:
        PlatformError: it did not stop in time.
    """
    home = settings.recsys_home
    if (holder := lock.holder(home)) is not None:
        os.kill(holder, signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while lock.holder(home) is not None:
            if time.monotonic() > end:
                raise PlatformError(f"The platform (process {holder}) is still stopping after {PATIENCE:.0f} s.")
            time.sleep(0.2)
        return f"stopped the platform in {home.resolve()}"
    if ended := leftovers.end(leftovers.find(home)):
        return f"ended {len(ended)} processes that a killed platform had left in {home.resolve()}"
    return f"no platform was running in {home.resolve()}"


def main() -> None:
    """Stop what the settings of this folder name."""
    try:
        sys.stdout.write(down(Settings()) + "\n")
    except PlatformError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
