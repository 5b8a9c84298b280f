"""Snowplow: enriched events as gzip JSON lines or as the 131-column TSV, filed by hour."""

from recsys.events.sources.snowplow.params import SnowplowParams
from recsys.events.sources.snowplow.source import Snowplow

__all__ = ["Snowplow", "SnowplowParams"]
