from threading import Thread

import httpx
import pytest

from recsys.layout import LOOPBACK
from recsys.local.pager import Pager


@pytest.fixture
def pager(settings):
    """Of a platform that tells nobody."""
    with Pager(settings, LOOPBACK) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with httpx.Client(base_url=settings.pager_url, timeout=60) as client:
            yield client
        server.shutdown()
        thread.join()


def test_it_is_there(pager):
    assert pager.get("/health").status_code == 200
    assert pager.get("/else").status_code == pager.post("/else", json={}).status_code == 404


def test_what_is_no_group_of_alerts_is_refused_with_the_reason(pager):
    answer = pager.post("/alerts", json={"alerts": []})
    assert answer.status_code == 400
    assert "alerts" in answer.text


def test_where_there_is_nobody_to_tell_nothing_is_sent_again(pager):
    alert = {
        "status": "firing",
        "labels": {"alertname": "Trial"},
        "startsAt": "2026-03-01T03:10:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
    }
    assert pager.post("/alerts", json={"alerts": [alert]}).status_code == 200
    assert {f'recsys_messages_total{{outcome="{outcome}"}} 0.0' for outcome in ("told", "missed", "unknown")} <= set(
        pager.get("/metrics").text.splitlines()
    )
