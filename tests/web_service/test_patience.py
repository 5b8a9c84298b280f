"""Slow clients lose their own connection, with a reason where there is somebody to tell, and cost nobody else's."""

import itertools
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPResponse

import pytest

from recsys.testing.small_release import SITE
from tests.web_service.conftest import running, until
from web_service.patience import LARGEST_HEAD, LONGEST_ADDRESS, PatientProtocol

ASK = f"GET /v1/{SITE}/recommendations?user_id=anna HTTP/1.1\r\nHost: here\r\n"
TELL = f"POST /v1/{SITE}/events HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"


class Impatient(PatientProtocol):
    """The same with shorter times."""

    receive_within = 0.6
    send_within = 0.6


@pytest.fixture(scope="module")
def hurried(module_shop):
    with running(module_shop, http=Impatient) as client:
        yield client


@contextmanager
def connected(client):
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=60) as connection:
        yield connection


def last_words(client, begin=b""):
    """What the server says to this beginning of a request until it closes, and how many seconds the connection lasted.

    The connection is tried again where the machine stood still before anything of the request was on its way.
    """
    for _ in range(20):
        began = time.monotonic()
        said = b""
        with connected(client) as connection, suppress(ConnectionError):
            connection.sendall(begin)
            while more := connection.recv(1 << 16):
                said += more
        if said or not begin:
            break
    return said, time.monotonic() - began


def problem(said):
    head, _, body = said.rpartition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    document = json.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % document["status"])
    return document["type"].rpartition(":")[2]


@pytest.mark.parametrize("begin", [ASK, "GE", TELL, TELL + '{"user_id": '])
def test_a_request_that_does_not_come_is_refused(hurried, begin):
    said, seconds = last_words(hurried, begin.encode())
    assert problem(said) == "request-timeout"
    assert seconds > 0.55


def test_a_byte_now_and_then_does_not_keep_a_connection(hurried):
    def drip(kept):
        with connected(hurried) as connection:
            end = time.monotonic() + 60
            for byte in itertools.cycle(kept):
                try:
                    connection.sendall(byte.encode())
                except OSError:
                    return
                assert time.monotonic() < end, "never closed"
                time.sleep(0.05)

    with ThreadPoolExecutor(22) as pool:
        list(pool.map(drip, [ASK] * 20 + ["\r\n"] * 2))


def test_others_are_answered_meanwhile(shared):
    with connected(shared) as one, connected(shared) as other:
        one.sendall(ASK.encode())
        other.sendall(TELL.encode())
        assert shared.get(f"/v1/{SITE}/recommendations", params={"user_id": "anna"}).status_code == 200


def test_a_connection_that_says_nothing_is_closed(hurried):
    said, seconds = last_words(hurried)
    assert said == b""
    assert seconds > 0.55


def test_an_idle_connection_may_be_used_again_after_that_time(hurried):
    def used_twice():
        with connected(hurried) as connection, suppress(ConnectionError):
            found = [answered(connection)]
            time.sleep(1.0)
            found.append(answered(connection))
            return found == [200, 200]
        return False

    until(used_twice)


def answered(connection):
    """The status of one more question."""
    connection.sendall((ASK + "\r\n").encode())
    with closing(HTTPResponse(connection)) as reply:
        reply.begin()
        reply.read()
        return reply.status


def test_who_reads_nothing_is_left(hurried):
    def taken_from_us():
        try:
            connection.send(b"GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * 10)
        except ConnectionError:
            return True
        time.sleep(0.02)
        return False

    with connected(hurried) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        until(taken_from_us)


def test_endless_headers_are_refused(shared):
    said, _ = last_words(shared, (ASK + "X: ").encode() + b"x" * (LARGEST_HEAD + 1))
    assert problem(said) == "headers-too-large"


def test_a_long_address_is_refused(shared):
    said, _ = last_words(shared, b"GET /" + b"x" * (LONGEST_ADDRESS + 1) + b" HTTP/1.1\r\nHost: here\r\n\r\n")
    assert problem(said) == "address-too-long"


def test_what_is_not_http_is_told_so(shared):
    said, _ = last_words(shared, b"\x16\x03\x01 hello\r\n\r\n")
    assert problem(said) == "malformed-request"
