"""Asking a server on this machine over HTTP whether it is there: light, because many ask, and often."""

from collections.abc import Callable
from urllib.request import ProxyHandler, build_opener

PATIENCE = 5.0
"""Seconds that one answer may take; a server that is still starting answers slowly."""


def fetch(url: str) -> bytes:
    """The body of a 2xx answer; no proxy is asked. Anything else raises OSError."""
    with build_opener(ProxyHandler({})).open(url, timeout=PATIENCE) as answer:
        return bytes(answer.read())


def answers(url: str) -> Callable[[], None]:
    """A probe: returns when ``url`` answers 2xx, raises OSError otherwise."""

    def probe() -> None:
        fetch(url)

    return probe
