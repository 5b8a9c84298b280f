"""The platform's promises about processes, shown with its quickest server and looked up in the process table."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from recsys.errors import ConfigError, PlatformError
from recsys.layout import LOOPBACK, Settings
from recsys.local import leftovers, lock
from recsys.local.down import down
from recsys.local.platform import running, watch

pytestmark = pytest.mark.platform
STARTER = Path(__file__).with_name("starter.py")


def quiet(_: str) -> None:
    """Say nothing."""


def until(condition: Callable[[], bool], seconds: float = 120.0) -> bool:
    end = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return holds


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; one that ended and was not yet asked for its exit code does not."""
    return [process for process in processes if _status(process) not in (None, psutil.STATUS_ZOMBIE)]


def _status(process: psutil.Process) -> str | None:
    try:
        return process.status() if process.is_running() else None
    except psutil.NoSuchProcess:
        return None


def query(settings: Settings, statement: str) -> object:
    with closing(psycopg2.connect(settings.postgres_dsn("postgres"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone() if cursor.description else None


@pytest.fixture
def elsewhere(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """A platform with Postgres in a process of its own, as a person would start it."""
    with subprocess.Popen(
        [sys.executable, str(STARTER), "postgres"],
        env=os.environ | settings.environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdout is not None
        try:
            assert started.stdout.readline() == "up\n"
            yield started
        finally:
            started.kill()
            leftovers.end(leftovers.find(settings.recsys_home))


def test_data_survive_a_restart_and_nothing_runs_between(settings: Settings) -> None:
    with running(settings, ["postgres"], say=quiet):
        query(settings, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert leftovers.find(settings.recsys_home)
    assert leftovers.find(settings.recsys_home) == []
    with running(settings, ["postgres"], say=quiet):
        assert query(settings, "SELECT answer FROM kept") == (42,)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_signal_to_stop_ends_every_process(
    elsewhere: subprocess.Popen[str], settings: Settings, sent: signal.Signals
) -> None:
    below = psutil.Process(elsewhere.pid).children(recursive=True)
    assert len(below) >= 3
    elsewhere.send_signal(sent)
    elsewhere.wait(120)
    assert alive(below) == []


def test_down_ends_a_platform_of_another_terminal(elsewhere: subprocess.Popen[str], settings: Settings) -> None:
    below = psutil.Process(elsewhere.pid).children(recursive=True)
    assert lock.holder(settings.recsys_home) == elsewhere.pid
    assert "stopped the platform" in down(settings)
    assert alive(below) == []
    assert "no platform was running" in down(settings)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a killed process")
def test_a_killed_platform_leaves_nothing_behind(elsewhere: subprocess.Popen[str]) -> None:
    below = psutil.Process(elsewhere.pid).children(recursive=True)
    elsewhere.kill()
    assert until(lambda: not alive(below))


def test_a_second_platform_in_the_same_folder_is_refused(elsewhere: subprocess.Popen[str], settings: Settings) -> None:
    with pytest.raises(PlatformError, match=rf"already runs.*process {elsewhere.pid}"), running(settings, say=quiet):
        pytest.fail("a second platform started")


def test_what_a_killed_platform_left_is_ended_by_the_next_start(settings: Settings) -> None:
    forgotten = subprocess.Popen(
        ["sleep", "600"], env=leftovers.started_by(settings.recsys_home, "airflow-scheduler"), start_new_session=True
    )
    stranger = subprocess.Popen(["sleep", "600"], env=leftovers.started_by(settings.recsys_home.parent, "postgres"))
    try:
        told: list[str] = []
        with running(settings, ["postgres"], say=told.append):
            assert not psutil.pid_exists(forgotten.pid)
            assert any(f"ended process {forgotten.pid}" in line for line in told)
        assert stranger.poll() is None
    finally:
        for process in (forgotten, stranger):
            process.kill()
            process.wait()


def test_a_killed_server_is_told_of_and_started_again(settings: Settings) -> None:
    told: list[str] = []
    with running(settings, ["postgres"], say=quiet) as supervisor:
        (postmaster,) = psutil.Process(supervisor.pid).children()
        postmaster.kill()
        assert until(lambda: bool(watch(supervisor, told.append)))
        assert told[0].startswith("postgres ended (terminated by SIGKILL)")
        assert str(settings.recsys_home.resolve() / "logs" / "postgres.log") in told[0]
        assert until(lambda: not _refuses(settings))


def test_a_killed_process_manager_is_told_of(settings: Settings) -> None:
    with running(settings, ["postgres"], say=quiet) as supervisor:
        assert supervisor.pid is not None
        os.kill(supervisor.pid, signal.SIGKILL)
        assert until(lambda: supervisor.ended() is not None)
        with pytest.raises(PlatformError, match="process manager ended with code -9"):
            watch(supervisor, quiet)
    assert leftovers.find(settings.recsys_home) == []


def test_a_taken_port_is_named_with_its_holder_and_its_setting(settings: Settings) -> None:
    with socket.create_server((LOOPBACK, settings.recsys_postgres_port)):
        expected = rf"port {settings.recsys_postgres_port} for postgres.*process {os.getpid()} .*RECSYS_POSTGRES_PORT"
        with pytest.raises(PlatformError, match=expected), running(settings, ["postgres"], say=quiet):
            pytest.fail("started on a taken port")


def test_two_servers_on_one_port_are_refused(settings: Settings) -> None:
    twice = settings.model_copy(update={"recsys_s3_port": settings.recsys_postgres_port})
    with pytest.raises(PlatformError, match="RECSYS_S3_PORT and RECSYS_POSTGRES_PORT both say"):  # noqa: SIM117
        with running(twice, ["postgres", "s3"], say=quiet):
            pytest.fail("started two servers on one port")


def test_a_server_that_cannot_start_is_named_with_the_end_of_its_log(settings: Settings) -> None:
    folder = settings.recsys_home / "postgres"
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(PlatformError, match=r"(?s)postgres does not start.*logs/postgres\.log"):  # noqa: SIM117
        with running(settings, ["postgres"], say=quiet):
            pytest.fail("started on a broken data folder")
    assert leftovers.find(settings.recsys_home) == []


def test_another_password_than_the_database_was_made_with_is_explained(settings: Settings) -> None:
    with running(settings, ["postgres"], say=quiet):
        pass
    other = settings.model_copy(update={"recsys_postgres_password": settings.recsys_admin_key})
    with pytest.raises(ConfigError, match="RECSYS_POSTGRES_PASSWORD"), running(other, ["postgres"], say=quiet):
        pytest.fail("started with the wrong password")


def _refuses(settings: Settings) -> bool:
    try:
        query(settings, "SELECT 1")
    except psycopg2.OperationalError:
        return True
    return False


def test_the_web_service_logs_in_as_its_own_role(settings: Settings) -> None:
    with running(settings, ["web"], say=quiet):
        asked = "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'recsys-web%'"
        assert query(settings, asked) == ("recsys_web",)
