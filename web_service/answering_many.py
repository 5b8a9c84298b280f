"""Answers for many users at once: what is needed is read for all of them together, in as many queries as for one."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final

from recsys.serving.contracts import Answer
from recsys.serving.reading import Item, ReleaseReader
from recsys.sites import SiteConfig
from recsys.types import ItemId, RequestId, UserId
from web_service.answering import NO_SLATE, Question, Wish, bought_by, require_live
from web_service.blending import Candidate
from web_service.standing import Standing

AT_ONCE: Final = 16
"""Users that are answered before others who ask have their turn: about a millisecond."""


async def answer_many(
    standing: Standing,
    site: SiteConfig,
    wish: Wish,
    user_ids: Sequence[UserId],
    *,
    request_id: RequestId,
    now: datetime,
) -> list[Answer]:
    """The answer that each user would get alone, in the order of ``user_ids``, all of one release.

    Each has a request id of its own: ``request_id``, a point, and its place from 1.

    Raises:
        Problem: 404 while the site has no live release.
    """
    reader = require_live(standing, site)
    activities = await standing.activities(
        site.site, user_ids, events=site.serving.online_events, bought_by=bought_by(site, wish)
    )
    slates = await reader.slates(user_ids)
    questions = [
        Question(site, replace(wish, user_id=user), activities[user], slates.get(user, NO_SLATE), now)
        for user in user_ids
    ]
    near = list({item_id: None for question in questions for item_id in question.similar_to})
    shelf = await reader.shelf(similar_to=near, filters=wish.filters, slates=list(slates.values()))
    chosen = []
    for place, question in enumerate(questions):
        chosen.append(question.choose(shelf))
        if place % AT_ONCE == 0:
            await asyncio.sleep(0)
    await _fill(reader, wish, questions, chosen)
    answers = []
    for place, (question, (candidates, items)) in enumerate(zip(questions, chosen, strict=True), start=1):
        answers.append(question.answer(candidates, items, reader, f"{request_id}.{place}"))
        if place % AT_ONCE == 0:
            await asyncio.sleep(0)
    return answers


async def _fill(
    reader: ReleaseReader,
    wish: Wish,
    questions: Sequence[Question],
    chosen: list[tuple[list[Candidate], dict[ItemId, Item]]],
) -> None:
    """Every answer has what the catalogue adds, which is read once, as far as the one that needs most goes into it."""
    short = {
        place: question.hidden | items.keys()
        for place, (question, (candidates, items)) in enumerate(zip(questions, chosen, strict=True))
        if len(candidates) < question.wanted
    }
    if not short:
        return
    deepest = max(questions[place].wanted - len(chosen[place][0]) + len(without) for place, without in short.items())
    catalogue = await reader.catalogue(filters=wish.filters, without=frozenset(wish.exclude), limit=deepest)
    for done, (place, without) in enumerate(short.items(), start=1):
        question, (candidates, items) = questions[place], chosen[place]
        fresh = (item for item in catalogue if item.item_id not in without)
        missing = question.wanted - len(candidates)
        chosen[place] = (question.fill(candidates, items, islice(fresh, missing)), items)
        if done % AT_ONCE == 0:
            await asyncio.sleep(0)
