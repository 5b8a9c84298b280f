"""What is found again of a platform that was killed: what carries its mark, and what hides but is of its session."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from recsys.local import leftovers

Start = Callable[..., subprocess.Popen[str]]
HIDDEN_SLEEPER = """
import ctypes, os, time
os.setpgid(0, 0)
ctypes.CDLL(None).prctl(4, 0)
print("hidden", flush=True)
time.sleep(600)
"""
"""What Airflow does around a task: a process group of its own, and nobody may look in."""
LEADER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HIDDEN_SLEEPER!r}])"
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes that are gone after the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*command: str, **how: object) -> subprocess.Popen[str]:
        started.append(subprocess.Popen(command, text=True, **how))  # type: ignore[call-overload]
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_a_marked_process_is_found_whatever_its_group(home: Path, start: Start) -> None:
    ours = start("sleep", "600", env=leftovers.started_by(home, "web"), start_new_session=True)
    other_server = start("sleep", "600", env=leftovers.started_by(home, "web-2"))
    start("sleep", "600", env=leftovers.started_by(home / "run", "web"))
    assert {process.pid for process in leftovers.find(home)} == {ours.pid, other_server.pid}
    assert [process.pid for process in leftovers.find(home, "web")] == [ours.pid]


def test_a_process_that_does_not_listen_is_killed(home: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "PATIENCE", 0.5)
    process = start(sys.executable, "-c", DEAF, env=leftovers.started_by(home, "web"), stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "deaf\n"
    assert [ended.pid for ended in leftovers.end(leftovers.find(home))] == [process.pid]
    assert not psutil.pid_exists(process.pid)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() == 0, reason="nothing hides from root")
def test_a_hidden_orphan_of_the_session_is_found(home: Path, start: Start) -> None:
    leader = start(sys.executable, "-c", LEADER, start_new_session=True, stdout=subprocess.PIPE)
    leftovers.remember_session(home, leader.pid)
    assert leader.stdout is not None
    assert leader.stdout.readline() == "hidden\n"
    (hidden,) = psutil.Process(leader.pid).children()
    assert leftovers.find(home, "airflow-scheduler") == []  # its parent lives
    assert leftovers.find(home) == [hidden]
    leader.send_signal(signal.SIGKILL)
    leader.wait()
    end = time.monotonic() + 60
    while leftovers.find(home, "airflow-scheduler") != [hidden] and time.monotonic() < end:
        time.sleep(0.1)
    assert leftovers.end(leftovers.find(home, "airflow-scheduler")) == [hidden]
    assert not hidden.is_running()


def test_a_session_whose_number_was_given_again_is_not_ours(home: Path) -> None:
    (home / "run" / "session").write_text(f"{os.getsid(0)} 1.0")
    assert leftovers.find(home) == []
