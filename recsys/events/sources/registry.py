"""From a site's ``source: {kind, params}`` to the source itself."""

from collections.abc import Callable
from typing import Final

from pydantic import ValidationError

from recsys.errors import ConfigError
from recsys.events.simulator import ShopParams
from recsys.events.sources.avazu import AvazuParams, avazu
from recsys.events.sources.coveo import Coveo, CoveoParams
from recsys.events.sources.csv_files import CsvParams, csv_files
from recsys.events.sources.kafka import KafkaTopic
from recsys.events.sources.mind import Mind, MindParams
from recsys.events.sources.movielens import MovieLens, MovieLensParams
from recsys.events.sources.ndjson_files import NdjsonParams, ndjson_files
from recsys.events.sources.online_retail import OnlineRetail, OnlineRetailParams
from recsys.events.sources.parquet_files import ParquetParams, parquet_files
from recsys.events.sources.retailrocket import RetailRocket, RetailRocketParams
from recsys.events.sources.simulator import SimulatedEvents
from recsys.events.sources.snowplow import Snowplow, SnowplowParams
from recsys.events.sources.source import Source, Surroundings
from recsys.events.stream.params import KafkaParams
from recsys.sites.config import ComponentSpec
from recsys.types import Frozen

SOURCES: Final[dict[str, tuple[type[Frozen], Callable[..., Source]]]] = {
    "avazu": (AvazuParams, avazu),
    "coveo": (CoveoParams, Coveo),
    "csv": (CsvParams, csv_files),
    "kafka": (KafkaParams, KafkaTopic),
    "mind": (MindParams, Mind),
    "movielens": (MovieLensParams, MovieLens),
    "ndjson": (NdjsonParams, ndjson_files),
    "online_retail": (OnlineRetailParams, OnlineRetail),
    "parquet": (ParquetParams, parquet_files),
    "retailrocket": (RetailRocketParams, RetailRocket),
    "simulator": (ShopParams, SimulatedEvents),
    "snowplow": (SnowplowParams, Snowplow),
}
"""By kind: the params, and what is built from them and the surroundings."""


def open_source(spec: ComponentSpec, surroundings: Surroundings | None = None) -> Source:
    """The source that ``spec`` names; reads nothing yet.

    Args:
        spec: kind and params.
        surroundings: the site, its quality policy, the settings; by default no site, and those of the environment.

    Raises:
        ConfigError: an unknown kind, or params that the kind does not take; names what it does take.
    """
    if spec.kind not in SOURCES:
        raise ConfigError(f"source.kind: found {spec.kind!r}, expected one of: {', '.join(sorted(SOURCES))}")
    model, build = SOURCES[spec.kind]
    try:
        params = model.model_validate(spec.params)
    except ValidationError as invalid:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'params'}: {e['msg']}" for e in invalid.errors())
        raise ConfigError(
            f"source.params of {spec.kind}: {faults}; expected {', '.join(model.model_fields)}. Correct the site's YAML"
        ) from None
    return build(params, surroundings or Surroundings())
