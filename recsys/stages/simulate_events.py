"""The events of a simulated site as files, for those who want to look at them or feed them elsewhere."""

import gzip
import os
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from recsys.errors import ConfigError
from recsys.events.raw import Filing, whole
from recsys.events.schema import INTERACTIONS
from recsys.events.sources.registry import open_source
from recsys.stages.context import StageContext, open_context
from recsys.types import Frozen, SiteId

SIMULATOR = "simulator"


class SimulatedFiles(Frozen):
    """What was written."""

    site: SiteId
    files: tuple[str, ...]
    "Two per day: events and item updates, gzipped NDJSON."
    events: int
    item_updates: int


def run(*, site: SiteId, first: date, days: int, out: Path, context: StageContext | None = None) -> SimulatedFiles:
    """Writes ``days`` UTC days from ``first`` of a simulated site into ``out``; the same call writes the same bytes.

    Raises:
        ConfigError: the site is not simulated, or ``days`` is below 1.
    """
    if days < 1:
        raise ConfigError(f"days: found {days}, expected at least 1")
    config = (context or open_context()).site(site)
    if config.source.kind != SIMULATOR:
        raise ConfigError(
            f"site {site!r}: found source {config.source.kind!r}, expected {SIMULATOR!r}; it has real files"
        )
    source = open_source(config.source)
    out.mkdir(parents=True, exist_ok=True)
    files, events, updates = [], 0, 0
    for day in (first + timedelta(days=offset) for offset in range(days)):
        filing = Filing.on(day)
        batch = whole(source.read(filing.start, filing.end))
        interactions = batch.rows.select(INTERACTIONS.names())
        files.append(_write(interactions, out / f"events-{day}.ndjson.gz"))
        files.append(_write(batch.item_updates, out / f"items-{day}.ndjson.gz"))
        events += interactions.height
        updates += batch.item_updates.height
    return SimulatedFiles(site=site, files=tuple(files), events=events, item_updates=updates)


def _write(frame: pl.DataFrame, target: Path) -> str:
    """One JSON object per row; whole or absent."""
    aside = target.with_suffix(".part")
    aside.write_bytes(gzip.compress(frame.write_ndjson().encode(), mtime=0))
    os.replace(aside, target)
    return str(target)
