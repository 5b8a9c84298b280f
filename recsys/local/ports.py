"""A port that is taken is named before anything starts: by whom, and which setting changes it."""

import errno
import secrets
import socket
from collections.abc import Iterable

import psutil

from recsys.errors import PlatformError
from recsys.local.servers import Server

LOWEST, HIGHEST = 10_000, 19_900
"""A block of free ports starts between these; where a server adds ten thousand to one of them, no block lies."""


def check_free(servers: Iterable[Server]) -> None:
    """Every port of the servers is free, and none is wanted twice.

    Raises:
        PlatformError: one line per port that is not.
    """
    complaints: list[str] = []
    wanted: dict[int, str] = {}
    for server in servers:
        for setting, port in server.ports.items():
            if port in wanted:
                complaints.append(f"{setting} and {wanted[port]} both say {port}")
            elif _is_taken(port):
                complaints.append(
                    f"port {port} for {server.name} is taken by {holder(port)}; change {setting} or end it"
                )
            wanted[port] = setting
    if complaints:
        raise PlatformError("The platform cannot start:\n  " + "\n  ".join(complaints) + "\nSettings live in .env.")


def holder(port: int) -> str:
    """Who listens on the port, as far as this user may know."""
    try:
        listeners = [
            c
            for c in psutil.net_connections("tcp")
            if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port
        ]
    except psutil.AccessDenied:
        listeners = []
    for connection in listeners:
        if connection.pid is not None:
            try:
                process = psutil.Process(connection.pid)
                return f"process {process.pid} ({' '.join(process.cmdline())[:100] or process.name()})"
            except psutil.NoSuchProcess:
                continue
    return "a process of another user"


def free_block(count: int) -> int:
    """The first of ``count`` ports in a row of which none was taken a moment ago.

    They lie below those that systems give to outgoing connections, so that none is taken before it is used.
    """
    while True:
        first = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if not any(_is_taken(first + offset) for offset in range(count)):
            return first


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise PlatformError(f"Port {port} cannot be used: {error.strerror}. Choose one above 1023.") from error
    return False
