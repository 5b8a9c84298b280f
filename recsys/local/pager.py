"""``python -m recsys.local.pager [ADDRESS]``: takes alerts from Alertmanager and tells people of them.

It is told by ``POST /alerts``. Where people are told is ``RECSYS_NOTIFY_URLS``, as of what DAGs have to say; what
became of messages stands at ``/metrics``, for Prometheus.
"""

import logging
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Counter, generate_latest
from pydantic import ValidationError

from recsys.layout import LOOPBACK, Settings
from recsys.local.alerted import Alerts, message_of
from recsys.messages import send

log = logging.getLogger(__name__)


class Pager(ThreadingHTTPServer):
    """Listens from the moment it is made."""

    daemon_threads = True

    def __init__(self, settings: Settings, address: str) -> None:
        super().__init__((address, settings.recsys_pager_port), Call)
        self.settings = settings
        self.registry = CollectorRegistry()
        self._messages = Counter("recsys_messages", "Messages to an address.", ("outcome",), registry=self.registry)
        for outcome in ("told", "missed", "unknown"):
            self._messages.labels(outcome)  # so that the first of a kind is seen as one more

    def tell(self, alerts: Alerts) -> HTTPStatus:
        """OK: people were told, or there is nobody to tell. BAD_GATEWAY: nobody could be reached; send it again."""
        message = message_of(alerts, grafana=self.settings.recsys_grafana_url)
        delivery = send(message, self.settings.recsys_notify_urls.get_secret_value().split())
        log.info("%s: %d told, %d could not be told\n%s", message.title, delivery.told, delivery.missed, message.body)
        self._messages.labels("told").inc(delivery.told)
        self._messages.labels("missed").inc(delivery.missed)
        self._messages.labels("unknown").inc(len(delivery.unknown))
        if delivery.unknown:
            log.warning("RECSYS_NOTIFY_URLS: no known kind of address at position %s", list(delivery.unknown))
        return HTTPStatus.BAD_GATEWAY if delivery.missed and not delivery.told else HTTPStatus.OK


class Call(BaseHTTPRequestHandler):
    """One request: of Alertmanager, of Prometheus, or of who asks whether the pager is there."""

    server: Pager

    def do_GET(self) -> None:
        """``/health``: it is there; ``/metrics``: what became of messages."""
        known = {"/health": b"", "/metrics": generate_latest(self.server.registry)}
        self._answer(HTTPStatus.OK if self.path in known else HTTPStatus.NOT_FOUND, known.get(self.path, b""))

    def do_POST(self) -> None:
        """``/alerts``: alerts of one group, for people."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/alerts":
            self._answer(HTTPStatus.NOT_FOUND)
            return
        try:
            alerts = Alerts.model_validate_json(body)
        except ValidationError as fault:
            self._answer(HTTPStatus.BAD_REQUEST, f"not what Alertmanager sends: {fault}".encode())
        else:
            self._answer(self.server.tell(alerts))

    def log_message(self, format: str, *args: object) -> None:
        """What is told is logged, requests are not."""

    def _answer(self, status: HTTPStatus, text: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def main() -> None:
    """Listen on loopback, or on the address of the command line, until the process is told to stop."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it names addresses, which hold secrets
    Pager(Settings(), sys.argv[1] if len(sys.argv) > 1 else LOOPBACK).serve_forever()


if __name__ == "__main__":
    main()
