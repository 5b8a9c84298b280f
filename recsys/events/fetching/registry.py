"""From a site's ``catalogue.fetch: {kind, params}`` to the content API itself."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import numpy as np
from pydantic import TypeAdapter, ValidationError

from recsys.errors import ConfigError
from recsys.events.fetching.fetcher import ContentApi
from recsys.events.fetching.params import ContentApiParams, Headers
from recsys.layout import Settings
from recsys.sites.config import ComponentSpec
from recsys.types import Frozen, SiteId

FETCHERS: Final[dict[str, tuple[type[Frozen], Callable[..., ContentApi]]]] = {
    "content_api": (ContentApiParams, ContentApi),
}
"""By kind: the params, and what is built from them, the site's secret headers, a clock and a generator of chance."""

BY_SITE: Final = TypeAdapter(dict[SiteId, Headers])
"""What RECSYS_FETCH_HEADERS holds."""


def open_content_api(
    spec: ComponentSpec, site: SiteId, settings: Settings, *, clock: Callable[[], datetime], rng: np.random.Generator
) -> ContentApi:
    """The content API that ``spec`` names; asks nothing yet.

    Raises:
        ConfigError: an unknown kind, params that the kind does not take, or secret headers that are no JSON.
    """
    params, build = _read(spec)
    return build(params, _secret_headers(site, settings), clock, rng)


def check_content_api(spec: ComponentSpec) -> None:
    """Raises ConfigError where ``open_content_api`` would because of ``spec``."""
    _read(spec)


def _read(spec: ComponentSpec) -> tuple[Frozen, Callable[..., ContentApi]]:
    if spec.kind not in FETCHERS:
        raise ConfigError(f"catalogue.fetch.kind: found {spec.kind!r}, expected one of: {', '.join(sorted(FETCHERS))}")
    model, build = FETCHERS[spec.kind]
    try:
        return model.model_validate(spec.params), build
    except ValidationError as invalid:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'params'}: {e['msg']}" for e in invalid.errors())
        raise ConfigError(
            f"catalogue.fetch.params of {spec.kind}: {faults}; expected {', '.join(model.model_fields)}. "
            "Correct the site's YAML"
        ) from None


def _secret_headers(site: SiteId, settings: Settings) -> dict[str, str]:
    """The site's part of RECSYS_FETCH_HEADERS; the text itself is never repeated in an error."""
    text = settings.recsys_fetch_headers.get_secret_value()
    try:
        return BY_SITE.validate_json(text or "{}").get(site, {})
    except ValidationError:
        raise ConfigError(
            "RECSYS_FETCH_HEADERS: found something else, expected one JSON object of sites, each an object of headers "
            'in plain ASCII: {"my_shop": {"Authorization": "Bearer abc"}}'
        ) from None
