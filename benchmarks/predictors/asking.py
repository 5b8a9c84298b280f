"""One question after another over one kept connection, without a client library that takes longer than the answer."""

import json
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

WARM = 50


@dataclass(frozen=True)
class Waited:
    """From the first byte sent to the last one received."""

    p50: float
    p99: float
    "Milliseconds."


def request(path: str, body: Any = None) -> bytes:
    """A request of HTTP/1.1 as bytes; with a body it is a POST of JSON."""
    if body is None:
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def waited(port: int, requests: Sequence[bytes], repeats: int, *, before: Sequence[bytes] = ()) -> Waited:
    """How long answers took, all of them good, after some that are not counted.

    ``before`` has one for each of the requests, which is answered first and not counted; empty: none has.
    """
    seconds = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(WARM + repeats):
            if before:
                _seconds(connection, before[n % len(requests)])
            seconds.append(_seconds(connection, requests[n % len(requests)]))
    p50, p99 = np.quantile(seconds[WARM:], [0.5, 0.99])
    return Waited(1000 * float(p50), 1000 * float(p99))


def _seconds(connection: socket.socket, asked: bytes) -> float:
    began = time.perf_counter()
    connection.sendall(asked)
    head, _, body = _until_blank_line(connection)
    if not head.startswith(b"HTTP/1.1 20"):
        raise SystemExit(f"found {head[:60]!r} {body[:200]!r}, expected 200 or 202")
    names = (line.partition(b":") for line in head.split(b"\r\n"))
    length = next(int(value) for name, _, value in names if name.lower() == b"content-length")
    missing = length - len(body)
    while missing > 0:
        missing -= len(connection.recv(1 << 20))
    return time.perf_counter() - began


def _until_blank_line(connection: socket.socket) -> tuple[bytes, bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(1 << 16)
        if not more:
            raise SystemExit("the server closed the connection")
        received += more
    return received.partition(b"\r\n\r\n")
