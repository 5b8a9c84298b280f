"""Finding and ending what a platform left running when it was killed.

Every process of a platform, and every child it makes, carries in its environment the variable MARK with the
platform's folder and the server's name. So a child that outlived its parent or left its process group is found,
and no process of anybody else is ever taken for one of ours, whatever its id.
"""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

MARK = "RECSYS_SERVER"
PATIENCE = 8.0
"""Seconds between asking a process to end and ending it."""


def mark(home: Path, server: str) -> str:
    """What the processes of one server carry."""
    return f"{home.resolve()}#{server}"


def find(home: Path, server: str | None = None) -> list[psutil.Process]:
    """Processes of the platform, or of one of its servers, but this process and those it was started by."""
    mine = psutil.Process()
    spared = {mine.pid, *(parent.pid for parent in mine.parents())}
    return [
        process for process in psutil.process_iter() if process.pid not in spared and _is_ours(process, home, server)
    ]


def end(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """None of the processes is running afterwards; returns those there were."""
    found = list(processes)
    for process in found:
        _signal(process, kill=False)
    _, stubborn = psutil.wait_procs(found, timeout=PATIENCE)
    for process in stubborn:
        _signal(process, kill=True)
    psutil.wait_procs(stubborn, timeout=PATIENCE)
    return found


def _is_ours(process: psutil.Process, home: Path, server: str | None) -> bool:
    try:
        carried: str = process.environ().get(MARK, "")
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return False  # gone, a zombie, or another user's: not ours to end
    return carried == mark(home, server) if server else carried.startswith(mark(home, ""))


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        elif process.name() == "postgres":
            process.send_signal(signal.SIGINT)  # SIGTERM would wait for its clients
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        pass  # it ended by itself


def started_by(home: Path, server: str) -> dict[str, str]:
    """This environment, marked: for a process to be found again."""
    return os.environ | {MARK: mark(home, server)}
