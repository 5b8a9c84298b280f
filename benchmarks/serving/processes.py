"""Servers under test, and the memory of their processes."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import httpx
import psutil


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    port: int
    pid: int
    seconds: float
    "From its start until its first answer."


@contextmanager
def serving(command: Sequence[str], environment: dict[str, str], port: int, ready: str) -> Iterator[Running]:
    """The server of this command, from its first answer with 200 at ``ready`` on until the block ends."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as said, _started(command, environment, said) as server:
        while not _answers(f"http://127.0.0.1:{port}{ready}"):
            if server.poll() is not None or time.perf_counter() - began > 120:
                said.seek(0)
                raise SystemExit(f"{' '.join(command)} does not answer:\n{said.read().decode(errors='replace')}")
            time.sleep(0.02)
        yield Running(port, server.pid, time.perf_counter() - began)


@contextmanager
def _started(
    command: Sequence[str], environment: dict[str, str], said: IO[bytes]
) -> Iterator["subprocess.Popen[bytes]"]:
    """The command runs within the block; afterwards none of its processes does."""
    server = subprocess.Popen(command, env={**os.environ, **environment}, stdout=said, stderr=said)
    try:
        yield server
    finally:
        family = psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []
        server.terminate()
        server.wait(60)
        for each in psutil.wait_procs(family, timeout=10)[1]:
            each.kill()


def memory(pid: int) -> tuple[float, float]:
    """Megabytes of the processes that answer: as if nothing were shared, and with what they share counted once."""
    found = [each.memory_full_info() for each in answering(pid)]
    return sum(each.rss for each in found) / 1e6, sum(each.pss for each in found) / 1e6


def answering(pid: int) -> list[psutil.Process]:
    """The processes that hold the server's connections: its workers, or itself where it has none."""
    server = psutil.Process(pid)
    return [each for each in server.children(recursive=True) if not _beside(each)] or [server]


def _beside(process: psutil.Process) -> bool:
    """Whether it answers nobody: it makes a snapshot, or watches over Python's shared resources."""
    command = " ".join(process.cmdline())
    return "recsys.serving" in command or "resource_tracker" in command


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
