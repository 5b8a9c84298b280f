"""Sites that follow a topic of a real broker; nothing else runs."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import polars as pl
import pytest
import yaml
from pydantic import SecretStr

from recsys import columns as c
from recsys.datasets.manifest import Manifest
from recsys.datasets.tables import INTERACTED
from recsys.events.counts import NO_ROWS, RowCounts
from recsys.stages.context import StageContext, open_context
from recsys.testing.throwaway import settings_in
from tests.kafka.broker import Broker

DAYS = (date(2026, 8, 1), date(2026, 8, 4))
RECEIVED = int(datetime(2026, 8, 1, 12, tzinfo=UTC).timestamp() * 1000)
"When the broker took the messages, in milliseconds."

NO_POSTGRES = {"recsys_postgres_password": SecretStr("")}

_numbers = count(1)


@pytest.fixture
def topic(kafka: Broker) -> str:
    """A topic of its own, with three partitions."""
    name = f"events-{next(_numbers)}"
    kafka.create_topic(name, partitions=3)
    return name


MakeSite = Callable[..., StageContext]


@pytest.fixture
def make_site(kafka: Broker, topic: str, tmp_path: Path) -> MakeSite:
    """Makes a site that follows the topic, in a folder of its own; params of the source can be given."""

    def make(site: str = "shop", *, quality: dict | None = None, **params: object) -> StageContext:
        folder = tmp_path / site
        settings = settings_in(folder).model_copy(update=NO_POSTGRES)
        settings.sites_dir.mkdir(parents=True, exist_ok=True)
        where = {"bootstrap_servers": kafka.bootstrap_servers, "topic": topic}
        config = {
            "site": site,
            "source": {"kind": "kafka", "params": where | params},
            "interactions": [{"name": "view"}, {"name": "purchase"}],
            "quality": quality or {"max_bad_share": 1.0},
        }
        (settings.sites_dir / f"{site}.yaml").write_text(yaml.safe_dump(config))
        return open_context(settings)

    return make


def event(number: int, *, day: int = 1, **fields: object) -> str:
    """One good message."""
    said = {
        "event_id": f"e{number}",
        "user_id": f"u{number % 997}",
        "item_id": f"i{number % 101}",
        "event_type": "view",
        "timestamp": f"2026-08-{day:02}T{number % 24:02}:00:00Z",
    }
    return json.dumps(said | fields)


def manifests(context: StageContext, site: str = "shop") -> list[Manifest]:
    return context.datasets.manifests(site, *DAYS)


def counts(context: StageContext, site: str = "shop") -> RowCounts:
    """Where all rows of the log went."""
    return sum((manifest.counts for manifest in manifests(context, site)), NO_ROWS)


def kept(context: StageContext, site: str = "shop") -> pl.DataFrame:
    """All interactions of the log."""
    return context.datasets.read(INTERACTED, manifests(context, site)).collect().sort(c.EVENT_ID)


def ids(numbers: Iterable[int]) -> set[str]:
    return {f"e{number}" for number in numbers}
