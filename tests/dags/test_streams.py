import asyncio
import importlib
from pathlib import Path

import pytest
import yaml
from airflow.sdk.exceptions import AirflowSkipException
from pydantic import SecretStr

from recsys.layout import Settings
from recsys.stages import consume_stream
from recsys.testing.throwaway import settings_in
from recsys_airflow import streams
from recsys_airflow.streams import NewMessages, announce_written
from tests.kafka.broker import Broker

TOPIC = "watched"


@pytest.fixture
def settings(kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A site that follows a topic, as the triggerer's environment tells of it."""
    settings = settings_in(tmp_path).model_copy(update={"recsys_postgres_password": SecretStr("")})
    settings.sites_dir.mkdir(parents=True)
    where = {"bootstrap_servers": kafka.bootstrap_servers, "topic": TOPIC}
    site = {"site": "shop", "source": {"kind": "kafka", "params": where}, "quality": {"max_bad_share": 1.0}}
    interactions = {"interactions": [{"name": "view"}, {"name": "purchase"}]}
    (settings.sites_dir / "shop.yaml").write_text(yaml.safe_dump(site | interactions))
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(streams, "EVERY", 0.05)
    monkeypatch.setattr(streams, "REMIND_AFTER", 4)
    return settings


def restored(trigger: NewMessages) -> NewMessages:
    """As Airflow brings it to the triggerer."""
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)(**arguments)


def test_it_fires_for_messages_that_have_not_landed_and_tells_a_fault_once(kafka, settings):
    async def watch():
        events = aiter(restored(NewMessages("shop")).run())
        fault = await anext(events)
        kafka.create_topic(TOPIC)
        kafka.produce(TOPIC, ["{}", "{}"])
        two = await anext(events)
        reminder = await anext(events)
        kafka.produce(TOPIC, ["{}"])
        three = await anext(events)
        await asyncio.to_thread(consume_stream.run, site="shop")
        kafka.produce(TOPIC, ["{}"] * 3)
        as_many = await anext(events)
        await asyncio.to_thread(consume_stream.run, site="shop")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 1.0)
        return [each.payload for each in (fault, two, reminder, three, as_many)]

    fault, *waiting = asyncio.run(watch())
    assert "found no topic 'watched'" in fault["fault"]
    assert waiting == [
        {"messages": 2, "ends": {"0": 2}},
        {"messages": 2, "ends": {"0": 2}},
        {"messages": 3, "ends": {"0": 3}},
        {"messages": 3, "ends": {"0": 6}},
    ]


def test_what_was_written_is_announced_by_partition_and_nothing_else():
    class Event:
        keys = None

        def add_partitions(self, keys):
            self.keys = keys

    event = Event()
    announce_written(event, {"2026-08-02", "2026-08-01"})
    assert event.keys == ["2026-08-01", "2026-08-02"]
    with pytest.raises(AirflowSkipException, match="nothing new"):
        announce_written(event, ())
