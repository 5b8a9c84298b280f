"""Asking a server over HTTP whether it is there."""

from collections.abc import Callable

import httpx

PATIENCE = 5.0
"""Seconds that one answer may take; a server that is still starting answers slowly."""


def answers(url: str) -> Callable[[], None]:
    """A probe: returns when ``url`` answers 2xx, raises httpx.HTTPError otherwise."""

    def probe() -> None:
        httpx.get(url, timeout=PATIENCE).raise_for_status()

    return probe
