"""The process manager's side: supervisord's configuration, its process, and what its journal tells.

supervisord starts each server again when it ends, a few times with growing pauses, stops them in order (those that
use the stores before the stores), and keeps each one's output in a log file of limited size.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from recsys.layout import Settings
from recsys.local import leftovers
from recsys.local.servers import PROJECT, Server
from recsys.local.stopping import undisturbed

STORES = ("postgres", "s3")
"""Stopped last: all others write to them until they end."""
TRIES = 3
"""A server that ends within SETTLED is started again this many times, after 1, 2, 3 … seconds."""
SETTLED = 60
"""Seconds after which a start counts as a success; a server that ends later is started again at once."""
STOP_PATIENCE = 15
"""Seconds a server may take to stop before it is killed."""

SUPERVISOR = "supervisor"
_ENDED = re.compile(r"exited: (?P<name>\S+) \((?P<how>.+?)(?:; (?:not )?expected)?\)$")
_GIVEN_UP = re.compile(r"gave up: (?P<name>\S+) entered FATAL")


@dataclass(frozen=True)
class Incident:
    """A server ended although nobody asked it to."""

    name: str
    how: str
    given_up: bool
    "True: it is left down; False: it is being started again."


class Supervisor:
    """One supervisord and, below it, the servers."""

    def __init__(self, settings: Settings, servers: Iterable[Server]) -> None:
        self._settings = settings
        self._home = settings.recsys_home.resolve()
        self._servers = list(servers)
        self.journal = self._home / "run" / "supervisor.log"
        self._told = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """The servers are starting; each on its own waits for what it needs."""
        for folder in ("run", "logs"):
            (self._home / folder).mkdir(mode=0o700, exist_ok=True)
        self.journal.unlink(missing_ok=True)
        configuration = self._home / "run" / "supervisord.conf"
        configuration.write_text("\n".join(self._configuration()))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "recsys.local.supervised", str(configuration)],
            env=leftovers.started_by(self._home, SUPERVISOR) | self._settings.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=PROJECT,
            start_new_session=True,
        )
        leftovers.remember_session(self._home, self._process.pid)

    def incidents(self) -> list[Incident]:
        """What ended since the last call."""
        if not self.journal.exists():
            return []
        lines = self.journal.read_text().splitlines()
        fresh, self._told = lines[self._told :], len(lines)
        ended = [Incident(m["name"], m["how"], given_up=False) for line in fresh if (m := _ENDED.search(line))]
        left = [Incident(m["name"], "too often", given_up=True) for line in fresh if (m := _GIVEN_UP.search(line))]
        return ended + left

    @property
    def pid(self) -> int | None:
        """The process id of supervisord, the parent of every server."""
        return self._process.pid if self._process else None

    def ended(self) -> int | None:
        """The exit code of supervisord itself; None while it runs."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """Every process of the platform is gone, also those that left their parents."""
        with undisturbed():
            if self._process is not None:
                self._process.terminate()
                try:
                    self._process.wait(timeout=3 * STOP_PATIENCE)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
            leftovers.end(leftovers.find(self._home))

    def log_of(self, name: str) -> Path:
        """Where a server's output is kept."""
        return self._home / "logs" / f"{name}.log"

    def _configuration(self) -> Iterable[str]:
        yield "[supervisord]"
        yield "nodaemon=true"
        yield f"logfile={_literal(self.journal)}"
        yield f"pidfile={_literal(self._home / 'run' / 'supervisord.pid')}"
        for server in self._servers:
            yield f"[program:{server.name}]"
            command = [sys.executable, "-m", "recsys.local.run", server.name]
            yield f"command={_literal(shlex.join(command))}"
            yield f"environment={leftovers.MARK}={_literal(shlex.quote(leftovers.mark(self._home, server.name)))}"
            yield f"stdout_logfile={_literal(self.log_of(server.name))}"
            yield "stdout_logfile_maxbytes=10MB"
            yield "stdout_logfile_backups=2"
            yield "redirect_stderr=true"
            yield "autorestart=true"
            yield f"startretries={TRIES}"
            yield f"startsecs={SETTLED}"
            yield f"stopsignal={server.stop_signal}"
            yield f"stopwaitsecs={STOP_PATIENCE}"
            yield "killasgroup=true"
        stores = [server.name for server in self._servers if server.name in STORES]
        others = [server.name for server in self._servers if server.name not in STORES]
        for priority, (group, names) in enumerate({"stores": stores, "others": others}.items()):
            if names:
                yield f"[group:{group}]"
                yield f"programs={','.join(names)}"
                yield f"priority={priority}"


def _literal(text: object) -> str:
    return str(text).replace("%", "%%")
