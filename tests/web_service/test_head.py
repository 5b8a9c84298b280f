"""Who asks by HEAD, as monitors and balancers do, is told what GET would tell, without its body."""

import pytest

from recsys.testing.small_release import SITE

CHANGES = {"date", "x-request-id", "server-timing"}
"""Headers that differ from answer to answer."""


def headers(reply):
    return {name: value for name, value in reply.headers.items() if name not in CHANGES}


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/recsys.js", "/static/app.js", "/openapi.json", "/health/live", "/health/ready"]
)
def test_pages_and_health_answer_as_to_get_without_the_body(shared, path):
    full, head = shared.get(path), shared.head(path)
    assert (head.status_code, head.content) == (full.status_code, b"") == (200, b"")
    assert headers(head) == headers(full)
    assert int(head.headers["content-length"]) == len(full.content) > 0


def test_so_do_metrics(shared):
    head = shared.head("/metrics")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == shared.get("/metrics").headers["content-type"]


def test_nothing_of_a_site_is_asked_by_head(shared):
    reply = shared.head(f"/v1/{SITE}/recommendations")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET, POST")


def test_the_description_names_get_alone(shared):
    paths = shared.get("/openapi.json").json()["paths"]
    assert {method for path in ("/health/live", "/health/ready", "/metrics") for method in paths[path]} == {"get"}
