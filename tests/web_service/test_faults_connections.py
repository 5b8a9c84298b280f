"""Thousands of connections that say nothing, or almost nothing, harm nobody who asks."""

import resource
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from tests.web_service.conftest import until
from tests.web_service.faulty import ASK, asking
from tests.web_service.test_standing import own  # noqa: F401 a fixture
from tests.web_service.test_taking import process
from web_service.patience import PatientProtocol

CROWD = """
import asyncio, resource, sys

async def main(port, idle, slow):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    idlers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(idle)]
    drips = [asyncio.create_task(drip(port)) for _ in range(slow)]
    print("there", flush=True)
    print(max([await drip for drip in drips], default=0.0), flush=True)
    await asyncio.Event().wait()

async def drip(port):
    begin = asyncio.get_running_loop().time()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\\r\\nX: ")
    closed = asyncio.create_task(reader.read())
    while not closed.done():
        writer.write(b"x")
        await asyncio.wait({closed}, timeout=1.0)
    return asyncio.get_running_loop().time() - begin

asyncio.run(main(*map(int, sys.argv[1:])))
"""
"""Lets that many connections say nothing, and that many a byte a second; prints when the last of these was closed."""


@contextmanager
def crowd(port, *, idle=0, slow=0):
    """So many connections from a process of its own, while the block runs."""
    command = [sys.executable, "-c", CROWD, str(port), str(idle), str(slow)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout.readline() == "there\n"
            yield started
        finally:
            started.kill()


def test_idle_connections(own, seconds_of, record_property):  # noqa: F811
    count = seconds_of(2_000, 10_000)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < count + 500:
        pytest.skip(f"needs {count + 500} open files, this user may have {most}")
    with process(own) as (client, _):
        until(lambda: client.get(ASK).status_code == 200)
        with crowd(client.base_url.port, idle=count), asking(client.base_url, tellers=1) as told:
            told.goes_on()
            time.sleep(seconds_of(0, 10))
    assert told.faults == []
    assert told.quantile(seconds_of(0.5, 0.99), told.answers) < seconds_of(0.5, 0.1)
    record_property("outcome", f"{count:,} connections; {told.sentence()}")


def test_slow_loris(own, seconds_of, record_property):  # noqa: F811
    count = seconds_of(100, 1_000)
    with process(own) as (client, _):
        until(lambda: client.get(ASK).status_code == 200)
        with crowd(client.base_url.port, slow=count) as started, asking(client.base_url, tellers=1) as told:
            told.goes_on()
            time.sleep(seconds_of(0, 10))
            longest = float(started.stdout.readline()) if seconds_of(False, True) else PatientProtocol.receive_within
    assert told.faults == []
    assert told.quantile(seconds_of(0.5, 0.99), told.answers) < seconds_of(0.5, 0.1)
    assert longest < PatientProtocol.receive_within + 5
    record_property("outcome", f"{count:,} connections, each closed within {longest:.0f} s; {told.sentence()}")
