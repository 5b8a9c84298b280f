"""Kafka topics as Airflow sees them: something has come, and what was written because of it.

Airflow's own watcher for Kafka consumes the messages and hands each over as an event. Ours reads none: it compares the
ends of the topic with what landed, so that a message is never lost between a trigger and a run.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any, Final

from airflow.sdk import Asset, AssetWatcher
from airflow.sdk.exceptions import AirflowSkipException
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from recsys.errors import RecsysError
from recsys.types import SiteId

EVERY: Final = 20.0
"Seconds between two looks at a topic."
REMIND_AFTER: Final = 15
"Looks after which what is waiting still is told again: an event may be lost while a run is queued."


FAULT: Final = "fault"


class NewMessages(BaseEventTrigger):
    """Fires when the site's topic has messages that have not landed, and once when it cannot be looked at.

    In the second case the run that follows fails for the same reason, tries again, and tells people.
    """

    def __init__(self, site: SiteId) -> None:
        super().__init__()
        self.site = site

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.{type(self).__name__}", {"site": self.site}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        told, looks = None, 0
        while True:
            found = await asyncio.to_thread(_look, self.site)
            looks = 0 if found != told else looks + 1
            remind = looks % REMIND_AFTER == 0 and FAULT not in (found or {})
            if found and (looks == 0 or remind):
                yield TriggerEvent(found)
            told = found
            await asyncio.sleep(EVERY)


def stream(site: SiteId) -> Asset:
    """The site's topic; an event of it says that messages wait."""
    watcher = AssetWatcher(name=f"new_messages__{site}", trigger=NewMessages(site))
    return Asset(name=f"stream__{site}", group="stream", watchers=[watcher])


def announce_written(event: Any, partitions: Collection[str]) -> None:
    """The asset event names the partitions that were written; those that follow partitions start.

    Args:
        event: the task's ``outlet_events[asset]``.
        partitions: keys, as 2026-01-31 or 2026-01-31T05.

    Raises:
        AirflowSkipException: there are none. That is an outcome, not a failure, and nothing is announced.
    """
    if not partitions:
        raise AirflowSkipException("nothing new: every message had landed, and every day knew of its messages")
    event.add_partitions(sorted(partitions))


def _look(site: SiteId) -> dict[str, Any] | None:
    """What is to be told of the topic; None: nothing."""
    from recsys.stages import consume_stream

    try:
        found = consume_stream.waiting(site=site)
    except RecsysError as fault:
        return {FAULT: str(fault)}
    return found.model_dump(mode="json") if found.messages else None
