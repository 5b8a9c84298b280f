import json
from http.server import BaseHTTPRequestHandler

import pytest

from recsys.messages import Delivery, Message, send
from tests.loopback import listening

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # of Apprise's own, below Python 3.13


def test_every_address_is_told_once_whatever_becomes_of_the_others():
    taken = []

    class Inbox(BaseHTTPRequestHandler):
        def do_POST(self):
            taken.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(500 if self.path.startswith("/broken") else 200)
            self.end_headers()

        def log_message(self, *_):
            """Stay quiet."""

    with listening(Inbox) as url:
        place = url.replace("http://", "json://")
        addresses = [f"{place}/broken", "token-with-a-typo", f"{place}/a", f"{place}/b"]
        delivery = send(Message("a title", "a body", "failure"), addresses)
    assert delivery == Delivery(told=2, missed=1, unknown=(2,))
    assert [path.strip("/") for path, _ in taken] == ["broken", "a", "b"]
    assert {(said["title"], said["message"], said["type"]) for _, said in taken} == {("a title", "a body", "failure")}


def test_nobody_is_told_where_there_is_no_address():
    assert send(Message("a title", "a body", "info"), []) == Delivery(told=0, missed=0, unknown=())
