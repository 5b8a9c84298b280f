"""What led to each item of one answer: release, models, candidates, features, and the user's events."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from recsys import columns as c
from recsys.datasets.manifest import Manifest
from recsys.datasets.tables import INTERACTED
from recsys.errors import ReleaseError
from recsys.releases import files as f
from recsys.releases.lineage import Lineage
from recsys.releases.manifest import ReleaseManifest
from recsys.serving.aliases import GENERATORS, RANKER, model_name, registered_models
from recsys.serving.impressions import Impression, ShownAs, read_impression
from recsys.stages.context import StageContext, open_context
from recsys.types import Frozen, ItemId, ReleaseId, RequestId, SiteId, UserId

EVENTS_SHOWN: Final = 50
"""The newest of the user's events before the release and after it, each."""
EVIDENCE: Final = ("score", "share", "rank")
"""What a generator says of a candidate."""


class Evidence(Frozen):
    """One generator's word on one item."""

    source: str
    score: float
    rank: int
    "1 is best."


class TracedItem(Frozen):
    """One item shown, and what led to it."""

    position: int
    item_id: ItemId
    source: str
    "ranked:…, session_…, similar, popular or catalogue."
    because: tuple[ItemId, ...]
    "Items of the user's that led to it, strongest first."
    slate_rank: int | None
    "Place in the slate that was computed; None: it is not there."
    score: float | None
    "The ranker's, re-ranked where the site does."
    candidates: tuple[Evidence, ...]
    "Generators that had a word on it, best rank first."
    features: dict[str, Any]
    "What the ranker saw of user, item and pair; empty for what was not ranked."


class TracedEvent(Frozen):
    """Something that the user did."""

    item_id: ItemId
    event_type: str
    timestamp: datetime
    partition: str | None
    "Of the event log that the release read; None: it happened after, and was told to the web service."


class Trace(Frozen):
    """One answer and where it came from."""

    site: SiteId
    request_id: RequestId
    user_id: UserId | None
    served_at: datetime
    surface: ShownAs
    arm: str
    release_id: ReleaseId
    as_of: datetime
    ranker: str | None
    "As MLflow knows it: models:/<site>-ranker/<version>."
    generators: str | None
    model_version: str | None
    "Of the model that continued the session; None: none did."
    feature_hash: str
    data_hash: str
    items: tuple[TracedItem, ...]
    events: tuple[TracedEvent, ...]
    "Newest first: what was known of the user when the answer was made."


def run(*, site: SiteId, request_id: RequestId, context: StageContext | None = None) -> Trace:
    """Looks up the impression, and the release that it was made from.

    Args:
        site: which site.
        request_id: of the answer.
        context: stores; by default those of the environment.

    Raises:
        ReleaseError: no such impression, or the release's files are gone.
    """
    context = context or open_context()
    context.site(site)
    shown = read_impression(context.dsn, site, request_id)
    if shown is None:
        raise ReleaseError(
            f"site {site}: found no impression of request {request_id!r}; expected the request_id of an answer that "
            "showed items. It is written a moment after the answer, and erased with its user"
        )
    store = f.ReleaseFiles(context.blobs, site, shown.release_id)
    manifest = ReleaseManifest.model_validate(store.get_json(f.MANIFEST))
    models = registered_models(site, manifest.model_dump())
    names = (model_name(site, kind) for kind in (RANKER, GENERATORS))
    ranker, generators = (f"models:/{name}/{models[name]}" if name in models else None for name in names)
    return Trace(
        **shown.model_dump(
            include={"site", "request_id", "user_id", "served_at", "surface", "arm", "release_id", "model_version"}
        ),
        as_of=manifest.as_of,
        ranker=ranker,
        generators=generators,
        feature_hash=manifest.feature_hash,
        data_hash=manifest.data_hash,
        items=_items(store, shown, [spec.kind for spec in manifest.site_config().candidates]),
        events=_events(context, store, manifest, shown) if shown.user_id else (),
    )


def _items(store: f.ReleaseFiles, shown: Impression, sources: Sequence[str]) -> tuple[TracedItem, ...]:
    of_user = pl.col(c.USER_ID) == (shown.user_id or "")
    slates = store.scan(f.RECOMMENDATIONS).filter(of_user).collect().to_dicts()
    slate = {item: (n, score) for row in slates for n, (item, score) in enumerate(_listed(row), start=1)}
    wanted = of_user & pl.col(c.ITEM_ID).is_in(list(shown.item_ids))
    proposed = {row[c.ITEM_ID]: row for row in store.scan(f.CANDIDATES_INFERENCE).filter(wanted).collect().to_dicts()}
    return tuple(
        TracedItem(
            position=position,
            item_id=item,
            source=source,
            because=because,
            slate_rank=slate.get(item, (None, None))[0],
            score=slate.get(item, (None, None))[1],
            candidates=_evidence(proposed.get(item, {}), sources),
            features=_features(proposed.get(item, {}), sources),
        )
        for position, (item, source, because) in enumerate(
            zip(shown.item_ids, shown.sources, shown.because, strict=True), start=shown.first_position
        )
    )


def _listed(row: Mapping[str, Any]) -> Sequence[tuple[ItemId, float]]:
    return list(zip(row[c.ITEM_IDS], row[c.SCORES], strict=True))


def _evidence(row: Mapping[str, Any], sources: Sequence[str]) -> tuple[Evidence, ...]:
    found = [
        Evidence(source=source, score=row[c.source_score(source)], rank=rank)
        for source in sources
        if (rank := row.get(c.source_rank(source))) is not None
    ]
    return tuple(sorted(found, key=lambda each: each.rank))


def _features(row: Mapping[str, Any], sources: Sequence[str]) -> dict[str, Any]:
    """All that is no id and no generator's word; what is not known is left out."""
    said = {f"{source}_{what}" for source in sources for what in EVIDENCE} | {c.USER_ID, c.ITEM_ID, c.AS_OF}
    return {name: value for name, value in row.items() if name not in said and value is not None}


def _events(
    context: StageContext, store: f.ReleaseFiles, manifest: ReleaseManifest, shown: Impression
) -> tuple[TracedEvent, ...]:
    """What the release knew of the user, and what the web service was told from then until the answer."""
    since = context.feedback(shown.site, manifest.as_of, shown.served_at + timedelta(microseconds=1))
    frames: list[tuple[pl.LazyFrame, dict[Any, str]]] = [(since.lazy(), {})]
    if store.has(f.LINEAGE):
        read: Sequence[Manifest] = Lineage.model_validate(store.get_json(f.LINEAGE)).partitions
        log = context.datasets.read(INTERACTED, read).filter(pl.col(c.TIMESTAMP) < manifest.as_of)
        frames.append((log, {(each.day, each.hour): each.partition.key for each in read}))
    return tuple(event for rows, keys in frames for event in _newest(rows, shown.user_id or "", keys))


def _newest(rows: pl.LazyFrame, user: UserId, keys: Mapping[Any, str]) -> list[TracedEvent]:
    found = rows.filter(pl.col(c.USER_ID) == user).sort(c.TIMESTAMP, descending=True).head(EVENTS_SHOWN).collect()
    return [
        TracedEvent(item_id=item, event_type=kind, timestamp=when, partition=_partition_of(when, keys))
        for item, kind, when in found.select(c.ITEM_ID, c.EVENT_TYPE, c.TIMESTAMP).iter_rows()
    ]


def _partition_of(when: datetime, keys: Mapping[Any, str]) -> str | None:
    """The hour's, or else the day's."""
    return keys.get((when.date(), when.hour), keys.get((when.date(), None)))
