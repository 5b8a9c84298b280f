"""Partitions that would come out as they are: the same files, read by the same code under the same rules."""

import hashlib
import json
from collections.abc import Sequence
from typing import Final

import polars as pl

from recsys.datasets.manifest import Manifest
from recsys.events.sources.source import Source, Stored
from recsys.releases.identity import code_version
from recsys.sites import SiteConfig
from recsys.stages.context import StageContext
from recsys.stages.lacking_updates import lacking_updates

FEEDBACK: Final = "feedback"
"Stands for the file of rows that came through the web service."
READ_BY: Final = {"site", "source", "interactions", "schedule", "quality"}
"Of a site's configuration: what decides how rows are read."


def made_by(config: SiteConfig) -> str:
    """Hash of the code and of the configuration that read a partition."""
    rules = json.dumps(config.model_dump(mode="json", include=READ_BY), sort_keys=True)
    return hashlib.sha256(f"{code_version()}\n{rules}".encode()).hexdigest()


def digest_of(rows: pl.DataFrame) -> str:
    """sha256 of what the web service was told, as rows of INTERACTIONS."""
    return hashlib.sha256(rows.write_ndjson().encode()).hexdigest()


def all_unchanged(context: StageContext, config: SiteConfig, source: Source, log: Sequence[Manifest]) -> bool:
    """Whether reading these partitions again would give what they are; False where that cannot be told unread."""
    if not isinstance(source, Stored) or any(each.made_by != made_by(config) for each in log):
        return False
    return all(_unchanged(context, source, each) for each in log) and not _lacks_updates(context, log)


def _unchanged(context: StageContext, source: Stored, manifest: Manifest) -> bool:
    partition = manifest.partition
    stored = source.stored(partition.start, partition.end)
    if stored is None:
        return False
    told = context.feedback(manifest.site, partition.start, partition.end)
    expected = {**stored, **({FEEDBACK: digest_of(told)} if told.height else {})}
    return {file.name: file.sha256 for file in manifest.source_files} == expected


def _lacks_updates(context: StageContext, log: Sequence[Manifest]) -> bool:
    start, end = log[0].partition.start, log[-1].partition.end
    updates = context.item_updates(log[0].site, start, end).lazy()
    return bool(lacking_updates(context.datasets, log, updates)[0])
