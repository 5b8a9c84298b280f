"""Waiting until a server answers, with an end to it."""

import time

from recsys.errors import ConfigError, PlatformError
from recsys.local.servers import Server

PATIENCE = 300.0
"""Seconds in which a server must answer; on two idle cores the slowest needs about forty the first time."""
PAUSE = 0.5
"""Seconds between two tries."""


def answers(server: Server) -> str | None:
    """None when the server answers; otherwise why not, in one line.

    Raises:
        ConfigError: it never will with these settings.
    """
    try:
        server.probe()
    except ConfigError:
        raise
    except Exception as error:  # whatever the server's own client raises while nobody answers
        return (str(error).strip() or type(error).__name__).splitlines()[0]
    return None


def wait_for(server: Server, seconds: float = PATIENCE) -> None:
    """The server answers.

    Raises:
        PlatformError: it did not within ``seconds``.
    """
    end = time.monotonic() + seconds
    while (complaint := answers(server)) is not None:
        if time.monotonic() > end:
            raise PlatformError(f"{server.name} did not answer within {seconds:.0f} s: {complaint}")
        time.sleep(PAUSE)
