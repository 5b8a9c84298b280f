"""An answer comes in one piece, and whatever else is said on a connection comes as ever."""

import json
import socket
from contextlib import contextmanager

import pytest
from starlette.responses import Response, StreamingResponse

from recsys.testing.small_release import SITE
from tests.web_service.conftest import running

LARGEST = 1 << 20


@contextmanager
def connected(client):
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=60) as connection:
        yield connection


def asked(method, path, *headers):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: here", *headers, "", ""]).encode()


def ended(said):
    """Whether the head of an answer is here and as much of a body as it tells of."""
    head, found, body = said.partition(b"\r\n\r\n")
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    return bool(found) and len(body) >= int(length.partition(b":")[2])


def received(connection, enough):
    said = b""
    while not enough(said):
        more = connection.recv(LARGEST)
        assert more, said
        said += more
    return said


def test_head_and_body_are_read_at_once(shared):
    with connected(shared) as connection:
        for _ in range(20):
            connection.sendall(asked("GET", f"/v1/{SITE}/recommendations?user_id=anna&k=5"))
            said = connection.recv(LARGEST)
            assert said.startswith(b"HTTP/1.1 200 OK\r\n")
            assert ended(said)


def test_who_waits_with_a_body_is_told_to_go_on(shared):
    body = json.dumps({"user_id": "anna", "k": 3}).encode()
    expects = ("Content-Type: application/json", f"Content-Length: {len(body)}", "Expect: 100-continue")
    with connected(shared) as connection:
        connection.sendall(asked("POST", f"/v1/{SITE}/recommendations", *expects))
        assert received(connection, lambda said: said.endswith(b"\r\n\r\n")) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert received(connection, ended).startswith(b"HTTP/1.1 200 OK\r\n")


def test_several_questions_at_once_are_answered_in_their_order(shared):
    paths = ["/health/live", f"/v1/{SITE}/popular?k=1", "/health/live"]
    with connected(shared) as connection:
        connection.sendall(
            asked("HEAD", "/health/live")
            + b"".join(asked("GET", each) for each in paths[:-1])
            + asked("GET", paths[-1], "Connection: close")
        )
        said = b""
        while more := connection.recv(LARGEST):
            said += more
    assert said.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert said.count(b'{"status":"alive"}') == 2
    assert said.index(b'{"status":"alive"}') < said.index(b'"items"') < said.rindex(b'{"status":"alive"}')


@pytest.fixture
def odd(module_shop):
    """A server of answers that come otherwise than most."""

    async def parts():
        yield b"one, "
        yield b""
        yield b"two"

    async def fails():
        yield b"one, "
        raise RuntimeError("on purpose")

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        answers = {
            "/none": lambda: Response(status_code=204),
            "/parts": lambda: StreamingResponse(parts()),
            "/fails": lambda: StreamingResponse(fails()),
            "/closes": lambda: Response("bye", headers={"Connection": "close"}),
        }
        if scope["path"] == "/head-alone":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
            raise RuntimeError("on purpose")
        await answers[scope["path"]]()(scope, receive, send)

    with running(module_shop, app) as client:
        yield client


def test_without_a_body_in_parts_and_the_last(odd):
    assert odd.get("/none").status_code == 204
    assert odd.get("/parts").text == "one, two"
    assert odd.get("/none").content == b""
    assert odd.get("/closes").text == "bye"


@pytest.mark.parametrize(("path", "before"), [("/fails", b"one, "), ("/head-alone", b"")])
def test_an_answer_that_breaks_off_is_seen_to(odd, path, before):
    with connected(odd) as connection:
        connection.sendall(asked("GET", path))
        said = b""
        while more := connection.recv(LARGEST):
            said += more
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert before in body
    assert not body.endswith(b"0\r\n\r\n")
