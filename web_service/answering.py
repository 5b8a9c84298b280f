"""From a request to an answer: reads what is needed, blends, and says where each item came from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from recsys.serving.contracts import Answer, Mode, RecommendedItem
from recsys.serving.reading import Item, ReleaseReader, UserState
from recsys.sites import SiteConfig
from recsys.types import ItemId, ReleaseId, RequestId, UserId
from web_service.blending import (
    Candidate,
    Signal,
    blend,
    fill,
    offline_candidates,
    online_candidates,
    popular_candidates,
)
from web_service.problems import Problem

LIVE_ARM = "live"
STEP = timedelta(minutes=1)
"Items named in the request count as seen one step apart, the last one now."


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for."""

    user_id: UserId | None
    k: int
    mode: Mode = "blended"
    category: str | None = None
    exclude: Sequence[ItemId] = ()
    recent: Sequence[ItemId] = ()
    "What the user looked at in this session, newest last."


async def answer(
    reader: ReleaseReader, site: SiteConfig, wish: Wish, *, request_id: RequestId, now: datetime
) -> Answer:
    """``k`` items, or as many as may be shown.

    Raises:
        Problem: 404 while the site has no live release.
    """
    policy = site.serving
    state = await reader.user_state(
        site.site,
        wish.user_id,
        events=policy.online_events,
        bought_by=policy.purchase_event if policy.exclude_bought else None,
    )
    release_id = require_live(site, state.release_id)
    signals = _signals(site, wish, state, now)
    offline = offline_candidates(state.slate) if state.slate else []
    shelf = await reader.shelf(
        release_id,
        similar_to=[] if wish.mode == "offline" else list({signal.item_id: None for signal in signals}),
        category=wish.category,
        named=[] if wish.mode == "online" else [candidate.item_id for candidate in offline],
    )
    hidden = {*wish.exclude, *state.bought, *(state.slate.excluded if state.slate else ())}
    chosen = blend(
        wish.mode,
        online=online_candidates(signals, shelf.similar, half_life=timedelta(minutes=policy.online_half_life_minutes)),
        offline=offline,
        popular=popular_candidates(shelf.popular),
        may_be_shown=lambda item_id: item_id in shelf.items and item_id not in hidden,
        k=wish.k,
    )
    items: Mapping[ItemId, Item] = shelf.items
    if len(chosen) < wish.k:
        without = hidden | {candidate.item_id for candidate in chosen}
        more = await reader.catalogue(release_id, category=wish.category, without=without, limit=wish.k - len(chosen))
        chosen = fill(chosen, [item.item_id for item in more], k=wish.k)
        items = {**items, **{item.item_id: item for item in more}}
    return Answer(
        request_id=request_id,
        site=site.site,
        user_id=wish.user_id,
        release_id=release_id,
        arm=LIVE_ARM,
        items=shown(chosen, items),
    )


def shown(candidates: Iterable[Candidate], items: Mapping[ItemId, Item]) -> tuple[RecommendedItem, ...]:
    """The candidates with their positions and what a person wants to see of them; each must be in ``items``."""
    return tuple(
        RecommendedItem.model_construct(
            item_id=candidate.item_id,
            position=position,
            score=round(candidate.score, 6),
            source=candidate.source,
            because=candidate.because,
            title=(item := items[candidate.item_id]).title,
            category=item.category,
            price=item.price,
        )
        for position, candidate in enumerate(candidates, start=1)
    )


def require_live(site: SiteConfig, release_id: ReleaseId | None) -> ReleaseId:
    """The release that answers for the site.

    Raises:
        Problem: 404 while there is none.
    """
    if release_id is None:
        raise Problem(
            404,
            "no-live-release",
            f"site {site.site!r} has no live release yet; run its training DAG in Airflow and see what its gate says "
            f"with: recsys releases list --site {site.site}",
        )
    return release_id


def _signals(site: SiteConfig, wish: Wish, state: UserState, now: datetime) -> list[Signal]:
    """The last events that count, newest first: those named in the request, then those we were told of."""
    weights = {interaction.name: interaction.weight for interaction in site.interactions}
    lightest = min(weights.values())
    named = [
        Signal(item_id, lightest, now.astimezone(UTC) - STEP * age) for age, item_id in enumerate(reversed(wish.recent))
    ]
    told = [
        Signal(event.item_id, weights[event.event_type], event.timestamp)
        for event in state.events
        if event.event_type in weights
    ]
    return [*named, *told][: site.serving.online_events]
