"""The time by which requests are answered. Where the system's clock is set back, it goes on from where it was.

So what a user does next is never older than what the user did before, and the time that a client says is not refused as
the future because this host lost its own.
"""

import time
from datetime import UTC, datetime
from typing import Final

_BEGAN: Final = time.time()
_BEGAN_AT: Final = time.monotonic()


def now() -> datetime:
    """The system's time, or that of this process' start and what has passed since, whichever is later."""
    return datetime.fromtimestamp(max(time.time(), _BEGAN + time.monotonic() - _BEGAN_AT), UTC)
