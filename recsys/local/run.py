"""One process of the platform: ``python -m recsys.local.run NAME``.

Ends what an earlier process of this name left, waits for what the server needs, prepares it, and becomes the server.
The process dies with its parent (on Linux), also when that is killed.
"""

import os
import signal
import sys

from recsys.errors import RecsysError
from recsys.layout import Settings
from recsys.local import leftovers, system_user
from recsys.local.lifeline import die_with
from recsys.local.servers import PROJECT, Server, servers
from recsys.local.waiting import wait_for


def run(name: str, settings: Settings) -> None:
    """Does not return: this process is the server afterwards."""
    parent = os.getppid()
    die_with(parent, signal.SIGTERM)
    known = servers(settings)
    server = known[name]
    for process in leftovers.end(leftovers.find(settings.recsys_home, name)):
        sys.stderr.write(f"ended process {process.pid}, left by an earlier {name}\n")
    for need in server.needs:
        wait_for(known[need])
    os.environ.update(server.environment)
    server.prepare()
    sys.stderr.write(f"starting {name}\n")
    sys.stderr.flush()
    become(server, parent)


def become(server: Server, parent: int) -> None:
    """Replace this process by the server's command."""
    os.environ["PYTHONPATH"] = os.pathsep.join(
        (str(PROJECT), str(PROJECT / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")]))
    )
    if server.system_user and os.geteuid() == 0:
        system_user.become(server.system_user)
        os.chdir("/")
    die_with(parent, signal.Signals[f"SIG{server.stop_signal}"])  # a change of user forgets it
    os.execve(server.command[0], server.command, os.environ)


def main() -> None:
    """Run the server named on the command line."""
    try:
        run(sys.argv[1], Settings())
    except RecsysError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
