"""Answers for many users: what is needed is read for a hundred of them at a time, in as many queries as for one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final

from recsys.serving.reading import Item, ReleaseReader
from recsys.sites import SiteConfig
from recsys.types import ItemId, RequestId, UserId
from web_service.answering import NO_SLATE, Answered, Question, Wish, bought_by, require_live, treated
from web_service.arms import Treatment
from web_service.blending import Candidate
from web_service.standing import Standing

READ_AT_ONCE: Final = 100
"""Users of one query."""
AT_ONCE: Final = 8
"""Users that are answered before others who ask have their turn: about a millisecond."""

Chosen = tuple[list[Candidate], dict[ItemId, Item]]


async def answer_many(
    standing: Standing,
    site: SiteConfig,
    wish: Wish,
    user_ids: Sequence[UserId],
    *,
    request_id: RequestId,
    now: datetime,
) -> AsyncIterator[Answered]:
    """The answer that each user would get alone, in the order of ``user_ids``.

    Each has a request id of its own: ``request_id``, a point, and its place from 1.

    Raises:
        Problem: 404 while the site has no live release.
    """
    for start in range(0, len(user_ids), READ_AT_ONCE):
        some = user_ids[start : start + READ_AT_ONCE]
        treatments = [standing.treatment(site.site, user_id) for user_id in some]
        found: dict[int, Answered] = {}
        for treatment in dict.fromkeys(treatments):
            places = [place for place, its in enumerate(treatments) if its == treatment]
            reader = require_live(standing, site, treatment)
            alike = [some[place] for place in places]
            questions = await _questions(standing, reader, site, treated(wish, treatment), alike, now, treatment)
            chosen = await _choose(reader, wish, questions)
            for place, question, (candidates, items) in zip(places, questions, chosen, strict=True):
                found[place] = question.answer(candidates, items, reader, f"{request_id}.{start + place + 1}")
                if place % AT_ONCE == 0:
                    await asyncio.sleep(0)
        for place in range(len(some)):
            yield found[place]


async def _questions(
    standing: Standing,
    reader: ReleaseReader,
    site: SiteConfig,
    wish: Wish,
    user_ids: Sequence[UserId],
    now: datetime,
    treatment: Treatment,
) -> list[Question]:
    events, type_bought = site.serving.online_events, bought_by(site, wish)
    activities = await standing.activities(site.site, user_ids, events=events, bought_by=type_bought)
    slates = await reader.slates(user_ids)
    return [
        Question(site, replace(wish, user_id=user), activities[user], slates.get(user, NO_SLATE), now, treatment)
        for user in user_ids
    ]


async def _choose(reader: ReleaseReader, wish: Wish, questions: Sequence[Question]) -> list[Chosen]:
    """The items of each; what the catalogue adds is read once, as far as the one that needs most goes into it."""
    filters = wish.filters
    near = list({item_id: None for question in questions for item_id in question.similar_to})
    shelf = await reader.shelf(similar_to=near, filters=filters, slates=[question.slate for question in questions])
    chosen: list[Chosen] = []
    for place, question in enumerate(questions, start=1):
        chosen.append(question.choose(shelf))
        if place % AT_ONCE == 0:
            await asyncio.sleep(0)
    without = {
        place: question.hidden | items.keys()
        for place, (question, (candidates, items)) in enumerate(zip(questions, chosen, strict=True))
        if len(candidates) < question.wanted
    }
    if without:
        deepest = max(questions[place].wanted + len(hidden) for place, hidden in without.items())
        catalogue = await reader.catalogue(filters=filters, without=frozenset(wish.exclude), limit=deepest)
        for place, hidden in without.items():
            candidates, items = chosen[place]
            fresh = (item for item in catalogue if item.item_id not in hidden)
            missing = questions[place].wanted - len(candidates)
            chosen[place] = questions[place].fill(candidates, items, islice(fresh, missing)), items
    return chosen
