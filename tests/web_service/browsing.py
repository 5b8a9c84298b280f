"""A real browser, and a shop's page for it to open, on a server of the shop's own."""

import itertools
import json
import shutil
import subprocess
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx
import pytest
from websockets.sync.client import connect

from tests.loopback import listening
from tests.web_service.conftest import until

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian: apt-get install chromium)")


@contextmanager
def shop_page():
    """A shop's own server; gives its address, what it serves, where it passes the rest on, and what pages reported."""
    serves, passes, reports = {}, [], []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path in serves:
                self.answer(200, "text/html; charset=utf-8", serves[self.path].encode())
            else:
                self.pass_on()

        def do_POST(self):
            if self.path in ("/report", "/beacon"):
                said = self.rfile.read(int(self.headers["Content-Length"])).decode()
                reports.append(said or self.path)
                self.answer(204, "text/plain", b"")
            else:
                self.pass_on()

        def pass_on(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kept = {name: self.headers[name] for name in ("Host", "Origin", "Content-Type") if self.headers[name]}
            found = httpx.request(self.command, passes[0] + self.path, content=body, headers=kept, timeout=60)
            self.answer(found.status_code, found.headers["content-type"], found.content)

        def answer(self, status, kind, body):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with listening(Handler) as address:
        yield address, serves, passes, reports


@contextmanager
def browser(address, folder):
    """It opens the address; it has ended when the block ends."""
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
    ]
    with subprocess.Popen([CHROMIUM, *options, address], stderr=subprocess.DEVNULL) as started:
        try:
            yield
        finally:
            started.terminate()


class Tab:
    """A page that is told what to do over the DevTools protocol, with what the page complained of."""

    def __init__(self, line):
        self._line = line
        self._numbers = itertools.count(1)
        self.complaints = []
        for part in ("Page", "Runtime", "Log"):
            self.do(f"{part}.enable")

    def ask(self, method, **wish):
        """The browser's message about one command: its result, or an error."""
        number = next(self._numbers)
        self._line.send(json.dumps({"id": number, "method": method, "params": wish}))
        while (said := json.loads(self._line.recv(timeout=60))).get("id") != number:
            if said["method"] in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.complaints.append(said["params"])
        return said

    def do(self, method, **wish):
        """The result of one command."""
        said = self.ask(method, **wish)
        assert "error" not in said, said
        return said["result"]

    def open(self, address):
        """Leaves the page for another, with nothing kept of it, also where only the part after # is another."""
        self.do("Page.navigate", url="about:blank")
        self.do("Page.navigate", url=address)

    def js(self, expression):
        """The value of an expression."""
        said = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def sees(self, expression):
        """Waits until the expression is true; while there is no page, or not yet all of it, it is not."""
        wish = {"expression": f"Boolean({expression})", "returnByValue": True}
        until(lambda: self.ask("Runtime.evaluate", **wish).get("result", {}).get("result", {}).get("value"))

    def press(self, key):
        """One key of the keyboard, where the focus is."""
        text = {"text": "\r"} if key == "Enter" else {}
        code = {"Tab": 9, "Enter": 13}[key]
        for kind in ("keyDown", "keyUp"):
            self.do("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)


@contextmanager
def tab(address, folder):
    """A tab of a browser of its own, with the address open."""
    said = folder / "DevToolsActivePort"
    with browser("about:blank", folder):
        until(lambda: said.is_file() and len(said.read_text().splitlines()) > 1)
        port = said.read_text().splitlines()[0]

        def pages():
            targets = httpx.get(f"http://127.0.0.1:{port}/json/list", timeout=60).json()
            return [target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page"]

        until(pages)
        with connect(pages()[0], max_size=None, open_timeout=60) as line:
            opened = Tab(line)
            opened.open(address)
            yield opened
