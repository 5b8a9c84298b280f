"""A fetcher, and a content API that it asks."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from recsys.events.fetching.fetcher import ContentApi
from recsys.events.fetching.params import ContentApiParams
from tests.content_api import FIELDS, QUICK, FakeApi, running

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with running() as said:
        yield said


@pytest.fixture
def fetch(api):
    """Fetches items with changed params; returns the outcomes by item, and the fetcher."""

    def fetch(*items, secret_headers=None, fetcher=None, **changed):
        params = ContentApiParams.model_validate(
            {"url": f"{api.url}/items/{{item_id}}", "fields": FIELDS, **QUICK, **changed}
        )
        started = time.monotonic()
        fetcher = fetcher or ContentApi(
            params,
            secret_headers or {},
            clock=lambda: NOON + timedelta(seconds=time.monotonic() - started),
            rng=np.random.default_rng(7),
        )
        outcomes = fetcher.fetch(items)
        return {outcome.item_id: outcome.found for outcome in outcomes}, fetcher

    return fetch
