"""Activations and roll backs alternate while requests come; every answer is looked at."""

import asyncio
import itertools
import json
import os
import random
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import psutil

from benchmarks.releases.made import SITE
from recsys.layout import Settings
from recsys.local.ports import free_block
from recsys.serving import lifecycle

CONNECTIONS = 24
TURNS = 50
"""Requests of one connection; then another is opened, so that no process is left without."""


@dataclass
class Asked:
    """What was seen."""

    requests: int = 0
    failed: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    "Answers with an item of another release than the one that they name."
    seconds: list[float] = field(default_factory=list)
    "Of each answer."
    named: list[tuple[float, float, str]] = field(default_factory=list)
    "When each answered request was sent, when its answer came, and the release that it names."
    moves: list[tuple[float, float, str]] = field(default_factory=list)
    "When a change of the pointer was asked for, when it was done, and the release that is live then."
    lasted: float = 0.0
    workers: int = 0
    "Processes that answered at the same time."

    @property
    def latest(self) -> float:
        """Longest time, in seconds, after which a release that was live no more was still seen."""
        return max(self.late, default=0.0)

    @property
    def late(self) -> list[float]:
        """By how many seconds each answered request was late, in naming a release that was live no more; mostly 0.

        A request that was sent after a change was done, and names another release, is late by that much; unless the
        next change was under way when its answer came.
        """
        done = [when for _, when, _ in self.moves]
        late = []
        for sent, came, release_id in self.named:
            place = bisect_right(done, sent)
            under_way = place < len(self.moves) and self.moves[place][0] <= came
            expected = {release for _, _, release in self.moves[place - 1 : place + under_way]}
            late.append(0.0 if release_id in expected else sent - done[place - 1])
        return late

    def quantile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[int(share * (len(ordered) - 1))] if ordered else 0.0


@contextmanager
def workers(settings: Settings, count: int) -> Iterator[tuple[str, int, int]]:
    """The web service with so many processes; gives host, port and the id of their parent."""
    port = free_block(1)
    chosen = settings.model_copy(update={"recsys_web_port": port, "recsys_web_workers": count})
    server = subprocess.Popen([sys.executable, "-m", "web_service"], env={**os.environ, **chosen.environment()})
    try:
        until = time.monotonic() + 60
        while not _answers(port):
            assert time.monotonic() < until, "the web service does not start"
            time.sleep(0.2)
        yield "127.0.0.1", port, server.pid
    finally:
        server.terminate()
        server.wait(30)


async def ask(
    place: tuple[str, int, int],
    dsn: str,
    *,
    first: str,
    second: str,
    users: int,
    rate: float,
    changes: int,
    pause: float,
) -> Asked:
    """``first`` is live; ``second`` is activated and rolled back, ``changes`` times in all, ``pause`` seconds apart.

    Meanwhile ``rate`` requests a second are sent, evenly, over connections that go to all processes.
    """
    host, port, parent = place
    seen = Asked()
    seen.moves.append((0.0, time.monotonic(), first))
    ended = asyncio.Event()
    began = time.monotonic()
    tickets = itertools.count()

    async def connection(number: int) -> None:
        rng = random.Random(number)
        reader, writer = await asyncio.open_connection(host, port)
        for turn in itertools.count(1):
            if ended.is_set():
                break
            if turn % TURNS == 0:
                writer.close()
                reader, writer = await asyncio.open_connection(host, port)
            await asyncio.sleep(max(0.0, began + next(tickets) / rate - time.monotonic()))
            user = f"user_{rng.randrange(users):08}"
            path = f"/v1/{SITE}/recommendations?user_id={user}&k=10"
            sent = time.monotonic()
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                status, body = await response(reader)
            except (OSError, asyncio.IncompleteReadError) as fault:
                seen.failed.append(repr(fault))
                reader, writer = await asyncio.open_connection(host, port)
                continue
            _look(seen, sent, status, body)
        writer.close()

    async def change() -> None:
        for number in range(changes):
            await asyncio.sleep(pause)
            forward = number % 2 == 0
            asked = time.monotonic()
            await asyncio.to_thread(move, dsn, second if forward else None)
            seen.moves.append((asked, time.monotonic(), second if forward else first))
            if number % 20 == 0:
                seen.workers = max(seen.workers, await asyncio.to_thread(_busy, parent, port))
        await asyncio.sleep(1.5)
        ended.set()

    await asyncio.gather(change(), *(connection(number) for number in range(CONNECTIONS)))
    seen.lasted = time.monotonic() - began
    return seen


def _look(seen: Asked, sent: float, status: int, body: bytes) -> None:
    came = time.monotonic()
    seen.requests += 1
    seen.seconds.append(came - sent)
    if status != 200:
        seen.failed.append(f"{status} {body[:200]!r}")
        return
    answer = json.loads(body)
    release_id, items = answer["release_id"], [item["item_id"] for item in answer["items"]]
    if len(items) != 10 or any(not item.startswith(release_id) for item in items):
        seen.mixed.append(f"{release_id}: {items}")
    seen.named.append((sent, came, release_id))


async def response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


def move(dsn: str, release_id: str | None) -> None:
    """The release is live; None: the one before."""
    if release_id is None:
        lifecycle.rollback(dsn, SITE, datetime.now(UTC))
    else:
        lifecycle.activate(dsn, SITE, release_id, datetime.now(UTC))


def _busy(parent: int, port: int) -> int:
    """Processes of the service that hold connections of ours."""
    held = set()
    for child in psutil.Process(parent).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # one that made a snapshot and has ended
            if any(each.laddr.port == port and each.raddr for each in child.net_connections()):
                held.add(child.pid)
    return len(held)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
