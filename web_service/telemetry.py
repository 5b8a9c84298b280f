"""What Prometheus may know: requests, latency, where answers came from, events, impressions. No ids of users."""

import os
from collections import Counter as Count

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from recsys.serving.contracts import Answer, Mode

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Telemetry:
    """The metrics of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "recsys_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "recsys_http_request_seconds",
            "Time to the whole response.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.answers = Counter(
            "recsys_answers",
            "Answers by mode; personal: some item came from the user's slate or events.",
            ("site", "mode", "kind"),
            registry=self.registry,
        )
        self.items = Counter(
            "recsys_items_served",
            "Items shown, by source (without the generator).",
            ("site", "source"),
            registry=self.registry,
        )
        self.short = Counter(
            "recsys_short_answers",
            "Answers with fewer items than asked for: the catalogue has no more.",
            ("site",),
            registry=self.registry,
        )
        self.events = Counter(
            "recsys_events", "Events received: accepted or duplicate.", ("site", "outcome"), registry=self.registry
        )
        self.impressions = Counter(
            "recsys_impressions",
            "Impressions: written, dropped (queue full) or failed.",
            ("outcome",),
            registry=self.registry,
        )

    def count_answer(self, answer: Answer, mode: Mode, k: int) -> None:
        """The answer is counted: by mode, by source, and whether it was personal."""
        sources = Count(item.source.partition(":")[0] for item in answer.items)
        personal = any(source not in ("popular", "catalogue") for source in sources)
        self.answers.labels(answer.site, mode, "personal" if personal else "default").inc()
        for source, count in sources.items():
            self.items.labels(answer.site, source).inc(count)
        if len(answer.items) < k:
            self.short.labels(answer.site).inc()

    def count_events(self, site: str, *, accepted: int, duplicates: int) -> None:
        """Events of one call are counted."""
        self.events.labels(site, "accepted").inc(accepted)
        self.events.labels(site, "duplicate").inc(duplicates)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text form; of all workers where PROMETHEUS_MULTIPROC_DIR is set."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        workers = CollectorRegistry()
        MultiProcessCollector(workers)  # type: ignore[no-untyped-call]
        return generate_latest(workers)
