"""Traces for OpenTelemetry: a span for each request, inside it one for each step of the answer.

Imported only where OTEL_EXPORTER_OTLP_ENDPOINT is set. The steps are wrapped from here while the service runs, so the
code that answers knows nothing of traces and loses no time where there are none. No span holds an id of a user or an
item, a key, or a query.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from starlette.types import ASGIApp, Receive, Scope, Send

from recsys.serving.postgres_release import PostgresRelease
from recsys.serving.snapshot.release import SnapshotRelease
from web_service.answering import Question
from web_service.impressions import ImpressionLog
from web_service.online_ranking import OnlineRanking
from web_service.standing import Standing
from web_service.taking import Taking
from web_service.watched_send import WatchedSend

Spans = Callable[..., AbstractContextManager[Span]]

STEPS: Final[tuple[tuple[type, str, str], ...]] = (
    (Standing, "activity", "activity"),
    (SnapshotRelease, "slate", "slate from the snapshot"),
    (PostgresRelease, "slate", "slate from Postgres"),
    (SnapshotRelease, "shelf", "shelf from the snapshot"),
    (PostgresRelease, "shelf", "shelf from Postgres"),
    (OnlineRanking, "order", "rank"),
    (Question, "choose", "blend"),
    (ImpressionLog, "note", "impressions"),
    (Taking, "take", "events"),
)
"""Class, method, and how its span is called."""
SECONDS: Final = 2.0
"""Longest that a batch of spans is offered to the collector."""


class Traces:
    """Where the spans of one worker go: to a collector, in batches, by another thread. What it refuses is lost."""

    def __init__(self, endpoint: str) -> None:
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "recsys-web"}), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self.span = _quietly(self._provider.get_tracer("web_service"))

    @contextmanager
    def steps(self) -> Iterator[None]:
        """Every step has its span while the block runs."""
        before = {(owner, name): getattr(owner, name) for owner, name, _ in STEPS}
        for owner, name, called in STEPS:
            setattr(owner, name, _traced(self.span, before[owner, name], called))
        try:
            yield
        finally:
            for (owner, name), method in before.items():
                setattr(owner, name, method)

    def close(self) -> None:
        """All spans are sent, or given up; takes seconds where the collector is away."""
        self._provider.shutdown()


class Tracing:
    """ASGI middleware: a span for each request, in the trace of who asks (W3C ``traceparent``)."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self._app = app
        self._span = traces.span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is answered; ``trace_id`` is in its state."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method = scope["method"]
        with self._span(method, extract(headers), SpanKind.SERVER) as span:
            scope.setdefault("state", {})["trace_id"] = f"{span.get_span_context().trace_id:032x}"
            watched = WatchedSend(send)
            try:
                await self._app(scope, receive, watched)
            finally:
                _describe(span, scope, watched.status)


def _describe(span: Span, scope: Scope, status: int) -> None:
    state, route = scope["state"], getattr(scope.get("route"), "path", None)
    span.update_name(f"{scope['method']} {route}" if route else scope["method"])
    found = {
        "http.request.method": scope["method"],
        "http.route": route,
        "http.response.status_code": status,
        "recsys.request_id": state.get("request_id"),
        "recsys.site": scope.get("path_params", {}).get("site") if status not in (401, 403, 404) else None,
        "recsys.key": state["key"].key_id if "key" in state else None,
    }
    span.set_attributes({name: value for name, value in found.items() if value is not None})
    if status >= 500 or status == 0:
        span.set_status(StatusCode.ERROR)


def _quietly(tracer: Tracer) -> Spans:
    """What makes the current span; without the words of exceptions, which may quote what was asked."""
    return functools.partial(tracer.start_as_current_span, record_exception=False, set_status_on_exception=False)


def _traced(span: Spans, method: Callable[..., Any], called: str) -> Callable[..., Any]:
    """The method, with a span around each call."""
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def asynchronous(*given: Any, **named: Any) -> Any:
            with span(called):
                return await method(*given, **named)

        return asynchronous

    @functools.wraps(method)
    def at_once(*given: Any, **named: Any) -> Any:
        with span(called):
            return method(*given, **named)

    return at_once
