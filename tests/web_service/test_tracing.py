"""Traces reach a collector over OTLP: a span for each request and each step, in the trace of who asks."""

from collections import defaultdict
from http.server import BaseHTTPRequestHandler

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from recsys.local.ports import free_block
from recsys.testing.small_release import SITE
from tests.loopback import listening
from tests.web_service.conftest import running
from web_service.answering import Question

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ASK = f"/v1/{SITE}/recommendations"


@pytest.fixture
def collector():
    """An OTLP receiver: its address, and the spans that came."""
    spans = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                assert "recsys-web" in str(resource.resource)
                spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with listening(Receiver) as address:
        yield address, spans


def test_a_request_is_one_trace_with_its_steps_and_names_nobody(shop, collector):
    endpoint, spans = collector
    with running(shop.model_copy(update={"otel_exporter_otlp_endpoint": endpoint})) as client:
        asked = client.get(ASK, params={"user_id": "anna"}, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        told = {"user_id": "anna", "item_id": "i01", "event_type": "view", "session_id": "zaphod"}
        client.post(f"/v1/{SITE}/events", json=told)
        client.get("/v1/nowhere/popular?zaphod")
    by_trace = defaultdict(list)
    for span in spans:
        by_trace[span.trace_id.hex()].append(span)
    mine = by_trace.pop(TRACE)
    (request,) = (span for span in mine if span.parent_span_id.hex() == PARENT)
    assert request.name == "GET /v1/{site}/recommendations"
    steps = [span for span in mine if span.parent_span_id == request.span_id]
    in_order = [span.name for span in sorted(steps, key=lambda span: span.start_time_unix_nano)]
    assert in_order == ["activity", "slate from Postgres", "shelf from Postgres", "blend", "impressions"]
    found = {each.key: each.value.string_value or each.value.int_value for each in request.attributes}
    assert (found["http.response.status_code"], found["recsys.site"]) == (200, SITE)
    assert found["recsys.request_id"] == asked.headers["x-request-id"]
    names = sorted(span.name for others in by_trace.values() for span in others if not span.parent_span_id)
    assert names == ["GET /v1/{site}/popular", "POST /v1/{site}/events"]
    assert [word for word in ("anna", "i01", "zaphod", "nowhere") if word in str(spans)] == []


def test_a_collector_that_is_away_harms_nobody_and_the_steps_are_as_before(shop):
    before = Question.choose
    with running(
        shop.model_copy(update={"otel_exporter_otlp_endpoint": f"http://127.0.0.1:{free_block(1)}"})
    ) as client:
        assert Question.choose is not before
        assert client.get(ASK, params={"user_id": "anna"}).status_code == 200
    assert Question.choose is before
