"""A small topic that landed, for the contract of sources."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from recsys import columns as c
from recsys.datasets.blobs import LocalBlobs
from recsys.datasets.landing import Landing
from recsys.events.stream.landed import MESSAGES, Landed
from recsys.events.stream.params import KafkaParams, sane_times
from recsys.events.stream.told import days_of, tell
from recsys.layout import Settings
from recsys.sites.config import ComponentSpec, InteractionType, QualityPolicy
from recsys.testing.sources import SourceExample

SITE = "example"
RECEIVED = datetime(2026, 3, 3, 12, tzinfo=UTC)


def land(
    settings: Settings, spec: ComponentSpec, messages: list[str | None], *, first: int, partition: int = 0
) -> None:
    """The messages are in one file that landed, from offset ``first`` on."""
    params, quality = KafkaParams.model_validate(spec.params), QualityPolicy()
    rows = [(first + place, RECEIVED, text, None if text else "tombstone") for place, text in enumerate(messages)]
    frame = pl.DataFrame(rows, schema=MESSAGES, orient="row")
    days = days_of(tell(frame, params.form, sane_times(quality)), sane_times(quality))
    last = int(frame[c.OFFSET][-1])
    file = Landed(partition, first, last, days, params.told_by(quality))
    Landing(LocalBlobs(Path(settings.data_url)), SITE, params.topic).land(file, frame)


def kafka(folder: Path) -> SourceExample:
    settings = Settings(_env_file=None, recsys_data_url=str(folder))
    spec = ComponentSpec(kind="kafka", params={"bootstrap_servers": "nowhere:9092", "topic": "shop"})
    first = [
        '{"event_id":"1","user_id":"u","item_id":"a","event_type":"view","timestamp":"2026-03-01T10:00:00Z"}',
        '{"item_id":"a","price":2.5,"timestamp":"2026-03-01T11:00:00Z"}',
        "{",
        None,
    ]
    again = [
        None,
        '{"event_id":"1","user_id":"u","item_id":"a","event_type":"view","timestamp":"2026-03-01T10:00:00Z"}',
        '{"user_id":"u","items":["a","b"],"timestamp":"2026-03-03T10:00:00Z"}',
    ]
    late = ['{"user_id":"v","item_id":"b","event_type":"view","timestamp":"2026-03-01T23:59:59Z"}']
    land(settings, spec, first, first=0)
    land(settings, spec, again, first=3)  # two wrote at once: offset 3 is in both
    land(settings, spec, late, first=0, partition=1)
    return SourceExample(
        spec, date(2026, 3, 1), date(2026, 3, 3), (InteractionType(name="view"),), QualityPolicy(), settings
    )
