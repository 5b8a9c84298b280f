"""The embedded platform: starting its servers together, waiting until all answer, and ending every process."""

import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from recsys.errors import PlatformError
from recsys.layout import Settings
from recsys.local import leftovers, lock, ports, waiting
from recsys.local.servers import Server, select
from recsys.local.supervisor import TRIES, Incident, Supervisor

Say = Callable[[str], object]
LOG_TAIL = 15
"""Lines of a failed server's log that are shown."""


@contextmanager
def running(settings: Settings, names: Collection[str] = (), *, say: Say) -> Iterator[Supervisor]:
    """The named servers and what they need answer inside; no process of them is left outside, whatever happens.

    Args:
        settings: with every secret in place.
        names: servers; empty: all.
        say: told one line for each step.

    Raises:
        PlatformError: a port is taken, the folder is in use, or a server did not come up; the rest was stopped.
    """
    chosen = select(settings, names)
    with lock.held(settings.recsys_home):
        for process in leftovers.end(leftovers.find(settings.recsys_home)):
            say(f"ended process {process.pid}, left by a platform that was killed")
        ports.check_free(chosen.values())
        supervisor = Supervisor(settings, chosen.values())
        try:
            supervisor.start()
            _wait(supervisor, chosen, say)
            yield supervisor
        finally:
            supervisor.stop()


def watch(supervisor: Supervisor, say: Say) -> list[Incident]:
    """Tell of servers that ended since the last call, and return them.

    Raises:
        PlatformError: the process manager itself ended.
    """
    incidents = supervisor.incidents()
    for incident in incidents:
        say(story(incident, supervisor))
    if (code := supervisor.ended()) is not None:
        raise PlatformError(f"The process manager ended with code {code}; its journal is {supervisor.journal}.")
    return incidents


def story(incident: Incident, supervisor: Supervisor) -> str:
    """What happened to a server, and where to read more."""
    log = supervisor.log_of(incident.name)
    if incident.given_up:
        return f"{incident.name} ended {TRIES + 1} times while starting and is left down; its log: {log}"
    return f"{incident.name} ended ({incident.how}); it is started again; its log: {log}"


def _wait(supervisor: Supervisor, servers: dict[str, Server], say: Say) -> None:
    begin = time.monotonic()
    left = dict(servers)
    why: dict[str, str | None] = {}
    with ThreadPoolExecutor(len(left)) as pool:
        while left:
            if lost := [incident.name for incident in watch(supervisor, say) if incident.given_up]:
                raise PlatformError(f"{lost[0]} does not start:\n{tail(supervisor, lost[0])}")
            why = dict(zip(left, pool.map(waiting.answers, left.values()), strict=True))
            seconds = time.monotonic() - begin
            for name in [name for name, complaint in why.items() if complaint is None]:
                say(f"{name:18} answers after {seconds:4.1f} s")
                del left[name]
            if left and seconds > waiting.PATIENCE:
                name = next(iter(left))
                raise PlatformError(
                    f"{name} did not answer within {waiting.PATIENCE:.0f} s ({why[name]}):\n{tail(supervisor, name)}"
                )
            time.sleep(waiting.PAUSE if left else 0)


def tail(supervisor: Supervisor, name: str) -> str:
    """The last lines of a server's log, and where the rest is."""
    log = supervisor.log_of(name)
    lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL:] if log.exists() else []
    return "\n".join(["  " + line for line in lines] + [f"(all of it: {log})"])
