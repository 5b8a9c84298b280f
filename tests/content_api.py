"""A content API: a real HTTP server that says what a test wants, and remembers who asked for what, and when."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote

from tests.loopback import listening


class FakeApi:
    """Answers from ``says``: item → what it answers in turn; the last one goes on for ever. Default: a good article."""

    def __init__(self) -> None:
        self.says = defaultdict(list)
        self.asked = []
        self.headers = []
        self.seconds = []
        self.under_way = self.most_at_once = 0
        self.lock = threading.Lock()

    def says_of(self, item, *answers):
        """Each answer: a status, or (status, headers), (status, headers, body), or a JSON object, or a callable."""
        self.says[item] = list(answers)

    def answer(self, item):
        with self.lock:
            turns = self.says[item]
            return (turns.pop(0) if len(turns) > 1 else turns[0]) if turns else article(item)


def article(item, **changed):
    told = {"id": item, "headline": f"Title of {item}", "section": {"name": "news"}, "date": "2026-04-01T08:00:00Z"}
    return told | changed


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: FakeApi

    def do_GET(self):
        api, item = self.api, unquote(self.path.rpartition("/")[2])
        with api.lock:
            api.asked.append(item)
            api.headers.append(dict(self.headers))
            api.seconds.append(time.monotonic())
            api.under_way += 1
            api.most_at_once = max(api.most_at_once, api.under_way)
        try:
            answer = api.answer(item)
            answer = answer() if callable(answer) else answer
        finally:
            with api.lock:  # before it is told: who is told may ask again at once
                api.under_way -= 1
        try:
            self.tell(answer)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def tell(self, answer):
        if isinstance(answer, int):
            answer = (answer, {})
        status, headers, body = (200, {}, answer) if not isinstance(answer, tuple) else (*answer, b"")[:3]
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response_only(status)
        for name, value in ({"Content-Length": str(len(body)), "Date": self.date_time_string()} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


@contextmanager
def running() -> Iterator[FakeApi]:
    """The API on a port of its own; ``url`` says where."""
    said = FakeApi()
    with listening(type("OfThisTest", (Handler,), {"api": said})) as said.url:
        yield said


FIELDS = {"title": "headline", "category": "section.name", "published_at": "date", "text": "body", "price": "price"}
"""Where it tells what."""
QUICK = {
    "requests_per_second": 1000.0,
    "back_off_seconds": 0.01,
    "timeout_seconds": 60.0,
    "total_timeout_seconds": 120.0,
}
"""Params for tests that have no time to be gentle, but all the time to wait."""
