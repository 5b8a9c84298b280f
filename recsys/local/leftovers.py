"""Finding and ending what a platform left running when it was killed.

Every process of a platform, and every child it makes, carries in its environment the variable MARK with the
platform's folder and the server's name. So a child that outlived its parent or left its process group is found,
and no process of anybody else is ever taken for one of ours, whatever its id.

Airflow hides the processes that run tasks: not even their own user may read their environment. They are known by
their session, which is that of the platform's process manager and written down when that starts.
"""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

MARK = "RECSYS_SERVER"
PATIENCE = 8.0
"""Seconds between asking a process to end and ending it."""
DEATH = 10.0
"""Seconds that a killed process may take until it is gone, at most."""
SAME_TIME = 2.0
"""Seconds by which two readings of one process's start may differ."""


def mark(home: Path, server: str) -> str:
    """What the processes of one server carry."""
    return f"{home.resolve()}#{server}"


def started_by(home: Path, server: str) -> dict[str, str]:
    """This environment, marked: for a process to be found again."""
    return os.environ | {MARK: mark(home, server)}


def remember_session(home: Path, leader: int) -> None:
    """Processes of the session that ``leader`` leads belong to the platform."""
    _session_file(home).write_text(f"{leader} {psutil.Process(leader).create_time()}")


def find(home: Path, server: str | None = None) -> list[psutil.Process]:
    """Processes of the platform, or of one of its servers, but this process and those it was started by.

    Of the hidden ones, those whose parent is gone, and what they started, are every server's.
    """
    session = _session(home)
    others = _others()
    hidden = [process for process in others if _is_hidden(process) and _session_of(process) == session]
    if server is not None:
        orphans = [process for process in hidden if _session_of_parent(process) != session]
        hidden = orphans + [child for orphan in orphans for child in _children(orphan) if child in hidden]
    return [process for process in others if _carries(process, mark(home, server or ""))] + hidden


def end(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """None of the processes is running afterwards; returns those there were."""
    found = list(processes)
    for process in found:
        _signal(process, kill=False)
    _, stubborn = psutil.wait_procs(found, timeout=PATIENCE)
    for process in stubborn:
        _signal(process, kill=True)
    psutil.wait_procs(stubborn, timeout=DEATH)
    return found


def _others() -> list[psutil.Process]:
    mine = psutil.Process()
    spared = {mine.pid, *(parent.pid for parent in mine.parents())}
    return [process for process in psutil.process_iter() if process.pid not in spared]


def _carries(process: psutil.Process, text: str) -> bool:
    try:
        carried: str = process.environ().get(MARK, "")
    except (psutil.Error, OSError):
        return False  # gone, a zombie, hidden, or another user's
    return carried == text or (text.endswith("#") and carried.startswith(text))  # no server: any


def _is_hidden(process: psutil.Process) -> bool:
    try:
        process.environ()
    except psutil.AccessDenied:
        return _has_my_user(process)
    except (psutil.Error, OSError):
        return False
    return False


def _has_my_user(process: psutil.Process) -> bool:
    try:
        return process.uids().real == os.getuid()
    except psutil.Error:
        return False


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def _session_of_parent(process: psutil.Process) -> int | None:
    parent = process.parent()
    return _session_of(parent) if parent else None


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _session_file(home: Path) -> Path:
    return home / "run" / "session"


def _session(home: Path) -> int | None:
    """The remembered session, unless its number has been given to another one since.

    The number is not given again while a process of the session lives; after that, to a leader with another start.
    """
    if not _session_file(home).exists():
        return None
    leader, started = _session_file(home).read_text().split()
    try:
        same = abs(psutil.Process(int(leader)).create_time() - float(started)) < SAME_TIME
    except psutil.NoSuchProcess:
        same = True
    return int(leader) if same else None


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
