"""A real browser, and a shop's page for it to open, on a server of the shop's own."""

import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

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
            found = httpx.request(self.command, passes[0] + self.path, content=body, headers=kept)
            self.answer(found.status_code, found.headers["content-type"], found.content)

        def answer(self, status, kind, body):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", serves, passes, reports
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def browser(address, folder):
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={folder}",
    ]
    with subprocess.Popen([CHROMIUM, *options, address], stderr=subprocess.DEVNULL) as started:
        try:
            yield
        finally:
            started.terminate()
