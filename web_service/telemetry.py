"""What Prometheus may know: requests, latency, where answers came from, events, impressions. No ids of users."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from recsys.serving.contracts import Answer, Mode

DEFAULTS = {"popular", "catalogue"}
"""Sources of items that are the same for everybody."""
UNKNOWN = {"anonymous", "stranger", "unread"}
"""Askers for whom nothing personal can be found."""
COLD = {"new", "stranger"}
"""Askers without a slate."""
NOTED = 0.5
"""Seconds after which at the latest the other workers of a host can tell what this one counted."""
PROBABILITIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Telemetry:
    """The metrics of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._times: dict[tuple[str, str], Histogram] = {}
        self._counted: dict[tuple[Counter, tuple[str, ...]], int] = {}
        "What was counted since ``note`` last ran."
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
            ("site", "mode", "kind", "arm"),
            registry=self.registry,
        )
        self.fallbacks = Counter(
            "recsys_fallbacks",
            "Answers that had to do without: anonymous, stranger, unread, nothing-left; tables.",
            ("site", "kind"),
            registry=self.registry,
        )
        self.cold_users = Counter(
            "recsys_cold_users",
            "Answers to named users that the release has no slate for.",
            ("site",),
            registry=self.registry,
        )
        self.slates_as_of = Gauge(
            "recsys_slates_as_of_timestamp_seconds",
            "End of what the slates that are answered from could know.",
            ("site",),
            registry=self.registry,
            multiprocess_mode="livemin",
        )
        self.slates_made = Gauge(
            "recsys_slates_made_timestamp_seconds",
            "When the release that is answered from was begun.",
            ("site",),
            registry=self.registry,
            multiprocess_mode="livemin",
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

        self.refused = Counter(
            "recsys_requests_refused",
            "Requests not answered: overloaded, rate-limited or too-slow.",
            ("why",),
            registry=self.registry,
        )
        self.keys_refused = Counter(
            "recsys_keys_refused",
            "Keys that opened nothing: missing, unknown, expired, revoked, of another site or scope.",
            ("why",),
            registry=self.registry,
        )
        self.under_way = Gauge(
            "recsys_requests_under_way",
            "Requests that are being answered.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.late = Gauge(
            "recsys_late_seconds",
            "By how much a worker is late: what a request waits before anybody looks at it.",
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        self.spool = Gauge(
            "recsys_spool_bytes",
            "Events that wait on the host's disk for Postgres.",
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        self.heard = Gauge(
            "recsys_database_heard_timestamp_seconds",
            "When a worker last heard Postgres.",
            registry=self.registry,
            multiprocess_mode="livemin",
        )
        self.news = Histogram(
            "recsys_news_seconds",
            "From an event's arrival in Postgres until a worker heard of it.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.ranking = Histogram(
            "recsys_ranking_seconds",
            "Time until a request had the ranker's scores.",
            ("site",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.predictions = Histogram(
            "recsys_predictions",
            "Probabilities that were answered, of each session or row.",
            ("site", "surface"),
            buckets=PROBABILITIES,
            registry=self.registry,
        )
        self.prediction_requests = Counter(
            "recsys_prediction_requests",
            "Requests for predictions: given, or missing, as where no model is live or rows have not its columns.",
            ("site", "surface", "outcome"),
            registry=self.registry,
        )
        self.models = Counter(
            "recsys_models_opened",
            "Models of predictors brought into a worker's memory, from disk or postgres; refused: it stays without.",
            ("site", "surface", "source"),
            registry=self.registry,
        )
        self.sessions = Counter(
            "recsys_session_answers",
            "Sessions continued, by the source of their first item; none: nothing could be shown.",
            ("site", "source"),
            registry=self.registry,
        )
        self.continuing = Histogram(
            "recsys_session_seconds",
            "Time until a session had the items of its model.",
            ("site",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.unranked = Counter(
            "recsys_unranked_answers",
            "Answers blended although the site wants them ranked: late, absent, refused, failed or stranger.",
            ("site", "kind"),
            registry=self.registry,
        )

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered, after so many seconds; ``route`` is its pattern, never the address itself."""
        self._count(self.requests, method, route, str(status))
        if (times := self._times.get((method, route))) is None:
            times = self._times[method, route] = self.seconds.labels(method, route)
        times.observe(seconds)

    def count_answer(self, answer: Answer, mode: Mode, k: int, *, asker: str, from_tables: bool) -> None:
        """The answer is counted: by mode and source, whether it was personal, and why not.

        ``asker`` is an ``Asker`` of ``web_service.answering``; ``from_tables``: no snapshot answered.
        """
        site, items = answer["site"], answer["items"]
        sources: dict[str, int] = {}
        for item in items:
            source = item["source"].partition(":")[0]
            sources[source] = sources.get(source, 0) + 1
        kind = "default" if sources.keys() <= DEFAULTS else "personal"
        self._count(self.answers, site, mode, kind, answer["arm"])
        if kind == "default":
            self._count(self.fallbacks, site, asker if asker in UNKNOWN else "nothing-left")
        if from_tables:
            self._count(self.fallbacks, site, "tables")
        if asker in COLD and answer["user_id"] is not None:
            self._count(self.cold_users, site)
        for source, count in sources.items():
            self._count(self.items, site, source, by=count)
        if len(items) < k:
            self._count(self.short, site)

    def count_session(self, answer: Answer) -> None:
        """A session was continued; beside what ``count_answer`` counts."""
        items = answer["items"]
        self._count(self.sessions, answer["site"], items[0]["source"] if items else "none")

    @contextmanager
    def asked(self, site: str, surface: str) -> Iterator[None]:
        """Inside, a prediction is made. It is counted as given, or as missing where that raises."""
        try:
            yield
        except Exception:
            self._count(self.prediction_requests, site, surface, "missing")
            raise
        self._count(self.prediction_requests, site, surface, "given")

    def count_events(self, site: str, *, accepted: int, duplicates: int) -> None:
        """Events of one call are counted."""
        self.events.labels(site, "accepted").inc(accepted)
        self.events.labels(site, "duplicate").inc(duplicates)

    def _count(self, counter: Counter, *labels: str, by: int = 1) -> None:
        """Counted here first: where several workers share their metrics, each of these is a file."""
        self._counted[counter, labels] = self._counted.get((counter, labels), 0) + by

    def note(self) -> None:
        """What was counted is where Prometheus finds it."""
        counted, self._counted = self._counted, {}
        for (counter, labels), count in counted.items():
            counter.labels(*labels).inc(count)

    async def run(self) -> None:
        """Notes what was counted, again and again, until cancelled; also then."""
        try:
            while True:
                await asyncio.sleep(NOTED)
                self.note()
        finally:
            self.note()

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text form; of all workers where PROMETHEUS_MULTIPROC_DIR is set."""
        self.note()
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        _leave_out_the_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
        workers = CollectorRegistry()
        MultiProcessCollector(workers)  # type: ignore[no-untyped-call]
        return generate_latest(workers)


def _leave_out_the_dead(folder: Path) -> None:
    """What a worker that is gone saw last is not what is; what it counted stays counted."""
    for file in folder.glob("gauge_live*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
