"""``python -m recsys.local.exporter [ADDRESS]``: the gauges of ``measuring`` at ``/metrics``, for Prometheus.

They are measured by the clock, not by the scrape, so that a slow store never makes a scrape fail.
"""

import logging
import sys
import time
from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.registry import Collector

from recsys.layout import LOOPBACK, Settings
from recsys.local.measuring import measure

EVERY: Final = 30.0
"""Seconds between two measurements."""


class Measured(Collector):
    """The last measurement, and when it was made."""

    def __init__(self) -> None:
        self._found: list[Gauge] = []

    def collect(self) -> Iterable[Gauge]:
        """What was measured last."""
        return self._found

    def take(self, found: list[Gauge], at: float) -> None:
        """From now on these are told; ``at`` is in seconds since 1970."""
        measured = Gauge("recsys_measured_timestamp_seconds", "When these gauges were measured.", value=at)
        self._found = [*found, measured]


def export(settings: Settings, address: str) -> None:
    """Serves ``/metrics`` at ``address`` and the settings' port, until the process is told to stop."""
    measured, registry = Measured(), CollectorRegistry()
    registry.register(measured)
    measured.take(measure(settings), time.time())
    start_http_server(settings.recsys_exporter_port, address, registry)
    while True:
        time.sleep(EVERY)
        measured.take(measure(settings), time.time())


def main() -> None:
    """Listen on loopback, or on the address of the command line."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    export(Settings(), sys.argv[1] if len(sys.argv) > 1 else LOOPBACK)


if __name__ == "__main__":
    main()
