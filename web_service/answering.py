"""From a request to an answer: reads what is needed, blends, and says where each item came from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from recsys.serving.contracts import Answer, Mode, RecommendedItem
from recsys.serving.reading import Item, ReleaseReader, Slate
from recsys.serving.told import Activity
from recsys.sites import SiteConfig
from recsys.types import ItemId, RequestId, UserId
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
from web_service.standing import Standing

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
    repeats: bool = False
    "Whether these may be shown again at once."


async def answer(standing: Standing, site: SiteConfig, wish: Wish, *, request_id: RequestId, now: datetime) -> Answer:
    """``k`` items, or as many as may be shown.

    Raises:
        Problem: 404 while the site has no live release.
    """
    policy = site.serving
    reader = require_live(standing, site)
    activity, slate = Activity(), None
    if wish.user_id is not None:
        bought_by = policy.purchase_event if policy.exclude_bought else None
        activity = await standing.activity(site.site, wish.user_id, events=policy.online_events, bought_by=bought_by)
        slate = await reader.slate(wish.user_id)
    signals = _signals(site, wish, activity, now)
    offline = slate or Slate()
    shelf = await reader.shelf(
        similar_to=[] if wish.mode == "offline" else list({signal.item_id: None for signal in signals}),
        category=wish.category,
        slate=Slate() if wish.mode == "online" else offline,
    )
    hidden = {*wish.exclude, *activity.bought, *offline.excluded}
    items: dict[ItemId, Item] = {}

    def may_be_shown(item_id: ItemId) -> bool:
        item = None if item_id in hidden else shelf.items.get(item_id)
        if item is None:
            return False
        items[item_id] = item
        return True

    half_life = timedelta(minutes=policy.online_half_life_minutes)
    chosen = blend(
        wish.mode,
        online=online_candidates(signals, shelf.similar, half_life=half_life, repeats=wish.repeats),
        offline=offline_candidates(offline),
        popular=popular_candidates(shelf.popular),
        may_be_shown=may_be_shown,
        k=wish.k,
    )
    if len(chosen) < wish.k:
        without = hidden | items.keys()
        more = await reader.catalogue(category=wish.category, without=without, limit=wish.k - len(chosen))
        items |= {item.item_id: item for item in more}
        chosen = fill(chosen, [item.item_id for item in more], k=wish.k)
    return {
        "request_id": request_id,
        "site": site.site,
        "user_id": wish.user_id,
        "release_id": reader.key.release_id,
        "arm": LIVE_ARM,
        "items": shown(chosen, items),
    }


def shown(candidates: Iterable[Candidate], items: Mapping[ItemId, Item]) -> list[RecommendedItem]:
    """The candidates with their positions and what a person wants to see of them; each must be in ``items``."""
    return [
        {
            "item_id": candidate.item_id,
            "position": position,
            "score": round(candidate.score, 6),
            "source": candidate.source,
            "because": candidate.because,
            "title": item.title,
            "category": item.category,
            "price": item.price,
        }
        for position, candidate in enumerate(candidates, start=1)
        for item in (items[candidate.item_id],)
    ]


def require_live(standing: Standing, site: SiteConfig) -> ReleaseReader:
    """The release that answers for the site.

    Raises:
        Problem: 404 while there is none.
    """
    reader = standing.reader(site.site)
    if reader is None:
        raise Problem(
            404,
            "no-live-release",
            f"site {site.site!r} has no live release yet; run its training DAG in Airflow and see what its gate says "
            f"with: recsys releases list --site {site.site}",
        )
    return reader


def _signals(site: SiteConfig, wish: Wish, activity: Activity, now: datetime) -> list[Signal]:
    """The last events that count, newest first: those named in the request, then those we were told of."""
    weights = {interaction.name: interaction.weight for interaction in site.interactions}
    lightest = min(weights.values())
    named = [
        Signal(item_id, lightest, now.astimezone(UTC) - STEP * age) for age, item_id in enumerate(reversed(wish.recent))
    ]
    told = [
        Signal(event.item_id, weights[event.event_type], event.timestamp)
        for event in activity.events
        if event.event_type in weights
    ]
    return [*named, *told][: site.serving.online_events]
