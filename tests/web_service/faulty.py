"""What tests of faults need: a Postgres that can be stopped, a line to it that can be slow, and somebody who asks."""

import asyncio
import math
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import psycopg2

from recsys.local import system_user
from recsys.local.ports import free_block
from recsys.local.servers.postgres import create_database, postgres
from recsys.serving.postgres import transaction
from recsys.testing.small_release import SITE
from tests.web_service.conftest import until

MANY = 25
ASK = f"/v1/{SITE}/recommendations?user_id=anna&k=10"
EVENTS = f"/v1/{SITE}/events"


class OwnPostgres:
    """A server that a test may stop and start."""

    def __init__(self, settings):
        self.settings = settings
        self._server = postgres(settings)
        self._server.prepare()
        self._process = None

    def start(self):
        as_user = system_user.give(system_user.POSTGRES)
        self._process = subprocess.Popen(self._server.command, cwd="/", stderr=subprocess.DEVNULL, **as_user)
        until(self._answers)

    def stop(self):
        self._process.send_signal(subprocess.signal.SIGINT)
        self._process.wait(60)

    def create(self, name):
        create_database(self.settings, name)
        return self.settings.model_copy(update={"recsys_postgres_database": name})

    def _answers(self):
        with suppress(psycopg2.OperationalError):
            psycopg2.connect(self.settings.postgres_dsn("postgres")).close()
            return True
        return False


class Line:
    """A TCP proxy before Postgres. ``delay``: seconds that each message to it takes; ``silent``: none gets through."""

    def __init__(self, settings):
        self._to = (settings.recsys_postgres_host, settings.recsys_postgres_port)
        self._loop = asyncio.new_event_loop()
        self.port = free_block(1)
        self.delay = 0.0
        self.silent = False
        self._vanished = 0
        self._connections = 0

    def through(self, settings):
        return settings.model_copy(update={"recsys_postgres_port": self.port})

    def vanish(self):
        """Nothing comes through the connections of today any more, and nobody is told; new ones are as ever."""
        self._vanished = self._connections

    @contextmanager
    def open(self):
        listening = self._loop.run_until_complete(asyncio.start_server(self._connect, "127.0.0.1", self.port))
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._end(listening), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _end(self, listening):
        listening.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connect(self, reader, writer):
        self._connections += 1
        number = self._connections
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._to)
        except OSError:
            writer.close()
            return
        try:
            with suppress(OSError):
                await asyncio.gather(
                    self._pass(number, reader, server_writer, slow=True),
                    self._pass(number, server_reader, writer, slow=False),
                )
        finally:
            writer.close()
            server_writer.close()

    async def _pass(self, number, reader, writer, *, slow):
        while data := await reader.read(1 << 16):
            while number <= self._vanished:
                await asyncio.sleep(0.05)
            if slow:
                await asyncio.sleep(self.delay)
                while self.silent:
                    await asyncio.sleep(0.05)
            writer.write(data)
            await writer.drain()
        writer.close()


class Patient(httpx.HTTPTransport):
    """Comes again where a worker says that it is late, as it asks for: one is when its machine stood still."""

    def handle_request(self, request):
        for _ in range(200):
            answer = super().handle_request(request)
            if answer.status_code != 503 or b"urn:recsys:problem:overloaded" not in answer.read():
                break
            time.sleep(0.05)
        return answer


def patient(base_url):
    """A client that comes again."""
    return httpx.Client(base_url=base_url, transport=Patient(), timeout=60)


@dataclass
class Told:
    """What a client saw while it asked and told."""

    answers: list = field(default_factory=list)
    "Status and seconds, of questions."
    replies: list = field(default_factory=list)
    "Status and seconds, of events."
    accepted: list = field(default_factory=list)
    "Ids of events."
    faults: list = field(default_factory=list)
    "Connections that were lost, and whatever was not 200 or 202."

    def quantile(self, share, seen):
        return sorted(seconds for _, seconds in seen)[math.ceil(share * len(seen)) - 1]

    def goes_on(self):
        """Answers come and events are accepted from now on, too: many of either."""
        answers, accepted = len(self.answers), len(self.accepted)
        until(lambda: len(self.answers) > answers + MANY and len(self.accepted) > accepted + MANY)

    def statuses(self, seen):
        return {status for status, _ in seen}

    def sentence(self):
        slowest = max(seconds for _, seconds in self.replies)
        return (
            f"{len(self.answers)} answers, p99 {self.quantile(0.99, self.answers) * 1000:.0f} ms; "
            f"{len(self.accepted)} events accepted, the slowest after {slowest:.1f} s; {len(self.faults)} failed"
        )


@contextmanager
def asking(base_url, *, tellers=4, pause=0.02) -> Iterator[Told]:
    """Somebody asks, and several tell, without end until the block does; all have their answers then."""
    told = Told()
    ended = threading.Event()

    def send(client, method, path, seen, **more):
        begin = time.monotonic()
        try:
            reply = client.request(method, path, **more)
        except httpx.TransportError as fault:
            told.faults.append(repr(fault))
            return None
        seen.append((reply.status_code, time.monotonic() - begin))
        if reply.status_code not in (200, 202):
            told.faults.append(reply.text)
        return reply.status_code

    def ask():
        with patient(base_url) as client:
            while not ended.wait(pause):
                send(client, "GET", ASK, told.answers)

    def tell(number):
        with patient(base_url) as client:
            count = 0
            while not ended.wait(pause):
                count += 1
                event_id = f"{number}-{count}"
                event = {"event_id": event_id, "user_id": f"u{number}", "item_id": "i01", "event_type": "view"}
                if send(client, "POST", EVENTS, told.replies, json=event) == 202:
                    told.accepted.append(event_id)

    with ThreadPoolExecutor(tellers + 1) as pool:
        try:
            going = [pool.submit(ask), *(pool.submit(tell, number) for number in range(tellers))]
            yield told
        finally:
            ended.set()
    for each in going:
        each.result()


def stored(settings):
    """Ids of the events in Postgres; an id is there once, or the table would not take it."""
    with transaction(settings.postgres_dsn()) as cursor:
        cursor.execute("SELECT event_id FROM recsys.event")
        return {event_id for (event_id,) in cursor.fetchall()}


def children(pid):
    """Ids of the processes that the process started and that run Python."""
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)]  # whole lines, however wide the terminal is
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return [int(line.split()[0]) for line in told.stdout.splitlines() if "spawn_main" in line]


def is_root():
    return os.geteuid() == 0
