"""A session goes on as the model that is live for it says; then come similar and popular items, as without one."""

from collections.abc import Callable
from datetime import datetime
from itertools import chain
from typing import Final

from recsys.serving.postgres_release import PostgresRelease
from recsys.serving.reading import Slate
from recsys.sites import SiteConfig
from recsys.types import ItemId, RequestId
from web_service.answering import NO_SLATE, NOTHING_DONE, Answered, Question, Wish, answer, require_live
from web_service.blending import Candidate
from web_service.predictors import Predictors
from web_service.standing import Standing

DEPTH: Final = 500
"""Of the model's items so many are asked of the tables, at most, where no snapshot knows which may be shown."""


async def continued(
    standing: Standing, predictors: Predictors, site: SiteConfig, wish: Wish, *, request_id: RequestId, now: datetime
) -> Answered:
    """``k`` items that may come next, or as many as may be shown; the model's items stand first, best first.

    Args:
        standing: what this worker knows.
        predictors: has the model, where one is live.
        site: whose session it is.
        wish: of nobody in particular; its ``recent`` is the session, newest last.
        request_id: of the answer.
        now: when it is asked.

    Raises:
        Problem: 404 while the site has no live release.
    """
    model = await predictors.session(site.site)
    if model is None:
        return await answer(standing, site, wish, request_id=request_id, now=now)
    treatment = standing.treatment(site.site, None)
    reader = require_live(standing, site, treatment)
    question = Question(site, wish, NOTHING_DONE, NO_SLATE, now, treatment)

    async def best(k: int, may_be_shown: Callable[[ItemId], bool]) -> list[Candidate]:
        found = await predictors.next_items(
            site.site, model, wish.recent, k=k, may_be_shown=may_be_shown, repeats=wish.repeats
        )
        return [(each.item_id, each.score, f"session_{model.kind}", each.because) for each in found]

    slates: list[Slate] = []
    if isinstance(reader, PostgresRelease):  # a snapshot knows every item, tables have to be asked for each
        slates.append(Slate(await best(DEPTH, lambda item_id: item_id not in question.hidden)))
    shelf = await reader.shelf(similar_to=question.similar_to, filters=wish.filters, slates=slates)
    first = await best(
        question.wanted, lambda item_id: item_id not in question.hidden and shelf.item(item_id) is not None
    )
    found = await question.answered(reader, shelf, chain(first, question.online(shelf)), request_id)
    found.answer["model_version"] = model.version
    return found
