"""Slow clients lose their own connection, with a reason where there is somebody to tell, and cost nobody else's."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

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
    with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
        connection.settimeout(10)
        yield connection


def last_words(connection):
    """What the server says until it closes, and after how many seconds."""
    begin = time.monotonic()
    said = b""
    while more := connection.recv(1 << 16):
        said += more
    return said, time.monotonic() - begin


def problem(said):
    head, _, body = said.rpartition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    document = json.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % document["status"])
    return document["type"].rpartition(":")[2]


@pytest.mark.parametrize("begin", [ASK, "GE", TELL, TELL + '{"user_id": '])
def test_a_request_that_does_not_come_is_refused(hurried, begin):
    with connected(hurried) as connection:
        connection.sendall(begin.encode())
        said, seconds = last_words(connection)
    assert problem(said) == "request-timeout"
    assert 0.4 < seconds < 3


def test_a_byte_now_and_then_does_not_keep_a_connection(hurried):
    def drip(kept):
        with connected(hurried) as connection:
            begin = time.monotonic()
            try:
                for byte in kept * 1000:
                    connection.sendall(byte.encode())
                    time.sleep(0.05)
            except OSError:
                return time.monotonic() - begin
            raise AssertionError("never closed")

    with ThreadPoolExecutor(22) as pool:
        drips = list(pool.map(drip, [ASK] * 20 + ["\r\n"] * 2))
    assert max(drips) < 4


def test_others_are_answered_meanwhile(hurried):
    with connected(hurried) as one, connected(hurried) as other:
        one.sendall(ASK.encode())
        other.sendall(TELL.encode())
        assert hurried.get(f"/v1/{SITE}/recommendations", params={"user_id": "anna"}).status_code == 200


def test_a_connection_that_says_nothing_is_closed(hurried):
    with connected(hurried) as connection:
        said, seconds = last_words(connection)
    assert said == b""
    assert 0.4 < seconds < 3


def test_an_idle_connection_may_be_used_again_after_that_time(hurried):
    with connected(hurried) as connection:
        for pause in (1.0, 0):
            connection.sendall((ASK + "\r\n").encode())
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
            time.sleep(pause)


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
        until(taken_from_us, seconds=10)


def test_endless_headers_are_refused(hurried):
    with connected(hurried) as connection:
        connection.sendall((ASK + "X: ").encode() + b"x" * (LARGEST_HEAD + 1))
        said, _ = last_words(connection)
    assert problem(said) == "headers-too-large"


def test_a_long_address_is_refused(hurried):
    with connected(hurried) as connection:
        connection.sendall(b"GET /" + b"x" * (LONGEST_ADDRESS + 1) + b" HTTP/1.1\r\nHost: here\r\n\r\n")
        said, _ = last_words(connection)
    assert problem(said) == "address-too-long"


def test_what_is_not_http_is_told_so(hurried):
    with connected(hurried) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        said, _ = last_words(connection)
    assert problem(said) == "malformed-request"
