"""From a request to an answer: reads what is needed, blends, and says where each item came from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final, Literal, NamedTuple, TypeAlias

from recsys.serving.contracts import Answer, Mode, RecommendedItem
from recsys.serving.postgres_release import PostgresRelease
from recsys.serving.reading import ANYTHING, Filters, Item, ReleaseReader, Shelf, Slate
from recsys.serving.told import Activity
from recsys.sites import SiteConfig
from recsys.types import ItemId, RequestId, UserId
from web_service.arms import UNTREATED, Treatment
from web_service.blending import Candidate, Signal, blend, fill, online_candidates, popular_candidates
from web_service.online_ranking import OnlineRanking
from web_service.problems import Problem
from web_service.standing import Standing

STEP: Final = 60.0
"Items named in the request count as seen so many seconds apart, the last one now."
NO_SLATE: Final = Slate()
NOTHING_DONE: Final = Activity()
Asker: TypeAlias = Literal["known", "new", "stranger", "anonymous", "unread"]
"""Who asks: one with a slate; one without, who told something lately; a user of whom nothing is known; nobody in
particular; one of whom Postgres may know more, but does not answer."""


@dataclass(slots=True)
class Wish:
    """What is asked for."""

    user_id: UserId | None
    k: int
    offset: int = 0
    "How many items were shown before."
    mode: Mode = "blended"
    category: str | None = None
    min_price: float | None = None
    max_price: float | None = None
    only: Sequence[ItemId] | None = None
    exclude: Sequence[ItemId] = ()
    hide: Sequence[Literal["seen", "bought"]] = ()
    recent: Sequence[ItemId] = ()
    "What the user looked at in this session, newest last."
    repeats: bool = False
    "Whether these may be shown again at once."

    @property
    def filters(self) -> Filters:
        """What is asked of each item."""
        if self.category is None and self.min_price is None and self.max_price is None and self.only is None:
            return ANYTHING
        only = None if self.only is None else frozenset(self.only)
        return Filters(self.category, self.min_price, self.max_price, only)


class Answered(NamedTuple):
    """An answer, and what it could be made of."""

    answer: Answer
    asker: Asker
    from_tables: bool


async def answer(
    standing: Standing,
    site: SiteConfig,
    wish: Wish,
    *,
    request_id: RequestId,
    now: datetime,
    ranking: OnlineRanking | None = None,
) -> Answered:
    """``k`` items, or as many as may be shown; ``ranking`` orders a blended answer where the site wants it.

    Raises:
        Problem: 404 while the site has no live release.
    """
    treatment = standing.treatment(site.site, wish.user_id)
    wish = treated(wish, treatment)
    reader = require_live(standing, site, treatment)
    activity, slate = NOTHING_DONE, None
    if wish.user_id is not None:
        activity = await standing.activity(
            site.site, wish.user_id, events=site.serving.online_events, bought_by=bought_by(site, wish)
        )
        slate = await reader.slate(wish.user_id)
    question = Question(site, wish, activity, slate or NO_SLATE, now, treatment)
    filters = wish.filters
    shelf = await reader.shelf(similar_to=question.similar_to, filters=filters, slates=[question.slate])
    ranked = None
    if ranking is not None and question.may_be_ranked:
        lists = (question.slate.rows, question.online(shelf))
        ranked = await ranking.order(site, reader.key, wish.user_id, *lists, question.signals, shelf.similar)
    return await question.answered(reader, shelf, ranked, request_id)


class Question:
    """A wish with all that is known of who asks."""

    def __init__(
        self, site: SiteConfig, wish: Wish, activity: Activity, slate: Slate, now: datetime, treatment: Treatment
    ) -> None:
        self.site, self.wish, self.activity, self.treatment = site, wish, activity, treatment
        self.slate = replace(slate, rows=()) if treatment.mode == "popular" else slate
        self.wanted = wish.offset + wish.k
        "How many items there would be on one page."
        self.signals = _signals(site, wish, activity, now)
        self.hidden = _hidden(wish, activity, slate)
        "What must not be shown."

    @property
    def may_be_ranked(self) -> bool:
        """Whether the ranker is to order the answer; an arm that names weights is answered by these."""
        return self.site.serving.online_ranking.enabled and self.wish.mode == "blended" and self.treatment.blend is None

    @property
    def similar_to(self) -> list[ItemId]:
        """Items whose neighbours are asked for."""
        return [] if self.wish.mode == "offline" else list({signal.item_id: None for signal in self.signals})

    def online(self, shelf: Shelf) -> Iterator[Candidate]:
        """Neighbours of the user's last events, best first."""
        half_life = self.site.serving.online_half_life_minutes * 60
        return online_candidates(self.signals, shelf.similar, half_life=half_life, repeats=self.wish.repeats)

    def choose(
        self, shelf: Shelf, ranked: Iterable[Candidate] | None = None
    ) -> tuple[list[Candidate], dict[ItemId, Item]]:
        """The items by the rule of blending, and what is known of them; without those that only the catalogue has.

        ``ranked`` stands in the place of the online items and the slate.
        """
        policy, wish, hidden, showable = self.site.serving, self.wish, self.hidden, shelf.item
        items: dict[ItemId, Item] = {}

        def may_be_shown(item_id: ItemId) -> bool:
            if item_id in hidden or (item := showable(item_id)) is None:
                return False
            items[item_id] = item
            return True

        online, popular = self.online(shelf), popular_candidates(shelf.popular)
        if ranked is not None:
            parts = [(1.0, ranked), (0.0, popular)]
        elif wish.mode == "blended":
            weights = self.treatment.blend or policy.blend
            parts = [(weights.online, online), (weights.offline, self.slate.rows), (weights.popular, popular)]
        else:
            parts = [(1.0, online if wish.mode == "online" else self.slate.rows), (0.0, popular)]
        return blend(parts, may_be_shown=may_be_shown, k=self.wanted), items

    def fill(self, chosen: list[Candidate], items: dict[ItemId, Item], catalogue: Iterable[Item]) -> list[Candidate]:
        """``chosen`` and then the catalogue's items, as many as are wanted; they are known in ``items`` afterwards."""
        more = {item.item_id: item for item in catalogue}
        items.update(more)
        return fill(chosen, more, k=self.wanted)

    async def answered(
        self, reader: ReleaseReader, shelf: Shelf, ranked: Iterable[Candidate] | None, request_id: RequestId
    ) -> Answered:
        """The page that was asked for, with the catalogue's items where the others are too few."""
        chosen, items = self.choose(shelf, ranked)
        missing = self.wanted - len(chosen)
        if missing > 0:
            without = self.hidden | items.keys()
            more = await reader.catalogue(filters=self.wish.filters, without=without, limit=missing)
            chosen = self.fill(chosen, items, more)
        return self.answer(chosen, items, reader, request_id)

    def answer(
        self, chosen: Sequence[Candidate], items: Mapping[ItemId, Item], reader: ReleaseReader, request_id: RequestId
    ) -> Answered:
        """The page that was asked for."""
        answer: Answer = {
            "request_id": request_id,
            "site": self.site.site,
            "user_id": self.wish.user_id,
            "release_id": reader.key.release_id,
            "arm": self.treatment.label,
            "items": shown(chosen, items, offset=self.wish.offset),
        }
        return Answered(answer, self._asker(), isinstance(reader, PostgresRelease))

    def _asker(self) -> Asker:
        if self.activity.unread or self.slate.unread:
            return "unread"
        if self.slate is not NO_SLATE:
            return "known"
        if self.signals:
            return "new"
        return "anonymous" if self.wish.user_id is None else "stranger"


def shown(candidates: Iterable[Candidate], items: Mapping[ItemId, Item], *, offset: int = 0) -> list[RecommendedItem]:
    """The candidates after the first ``offset``, with their positions and what a person wants to see of them.

    Each must be in ``items``.
    """
    return [
        {
            "item_id": item_id,
            "position": position,
            "score": round(score, 6),
            "source": source,
            "because": because,
            "title": item.title,
            "category": item.category,
            "price": item.price,
        }
        for position, (item_id, score, source, because) in enumerate(islice(candidates, offset, None), offset + 1)
        for item in (items[item_id],)
    ]


def treated(wish: Wish, treatment: Treatment) -> Wish:
    """The wish as the arm of an experiment has it."""
    if treatment.mode is None:
        return wish
    return replace(wish, mode="offline" if treatment.mode == "popular" else treatment.mode)


def require_live(standing: Standing, site: SiteConfig, treatment: Treatment = UNTREATED) -> ReleaseReader:
    """The release that answers for the site, or that an arm of an experiment has.

    Raises:
        Problem: 404 while there is none.
    """
    reader = standing.reader(site.site, treatment.release_id)
    if reader is None:
        raise Problem(
            404,
            "no-live-release",
            f"site {site.site!r} has no live release yet; run its training DAG in Airflow and see what its gate says "
            f"with: recsys releases list --site {site.site}",
        )
    return reader


def bought_by(site: SiteConfig, wish: Wish) -> str | None:
    """The event type after which an item is not shown; None: there is none."""
    policy = site.serving
    return policy.purchase_event if policy.exclude_bought or "bought" in wish.hide else None


def _hidden(wish: Wish, activity: Activity, slate: Slate) -> set[ItemId]:
    hidden = {*wish.exclude, *activity.bought, *slate.excluded}
    if wish.hide:
        hidden.update(slate.bought)
    if "seen" in wish.hide:
        hidden.update(slate.seen, activity.seen, wish.recent)
    return hidden


def _signals(site: SiteConfig, wish: Wish, activity: Activity, now: datetime) -> list[Signal]:
    """The last events that count, newest first: those named in the request, then those we were told of."""
    if not wish.recent and not activity.events:
        return []
    weights = site.weights
    told = [
        Signal(event.item_id, weights[event.event_type], event.timestamp)
        for event in activity.events
        if event.event_type in weights
    ]
    if not wish.recent:
        return told[: site.serving.online_events]
    lightest, here = min(weights.values()), now.timestamp()
    named = [Signal(item_id, lightest, here - STEP * age) for age, item_id in enumerate(reversed(wish.recent))]
    return [*named, *told][: site.serving.online_events]
