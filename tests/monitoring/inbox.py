"""A channel of a test's own, as people have Telegram: what is told is kept."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.loopback import listening


@dataclass
class Inbox:
    """Messages as they came, each with its title and its text."""

    address: str = ""
    "For RECSYS_NOTIFY_URLS."
    broken: bool = False
    "While True, nothing is taken."
    messages: list[tuple[str, str]] = field(default_factory=list)
    refused: int = 0


@contextmanager
def inbox() -> Iterator[Inbox]:
    """Takes messages until the end."""
    kept = Inbox()

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if kept.broken:
                kept.refused += 1
            else:
                kept.messages.append((said["title"], said["message"]))
            self.send_response(503 if kept.broken else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with listening(Taker) as url:
        kept.address = url.replace("http://", "json://")
        yield kept


def until(condition: Callable[[], object], what: str, seconds: float = 120.0) -> None:
    """Returns as soon as ``condition`` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.1)
