"""Ten people of the evaluation window: what they had done, what they would have been shown, what they then did."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.releases.judging import Judgement
from recsys.types import ItemId, UserId

WITH_HISTORY, WITHOUT = 8, 2
HISTORY_SHOWN: Final = 8
SLATE_SHOWN: Final = 10
WANTED_SHOWN: Final = 12
REASONS: Final = 2
DAY: Final = 86_400e6


@dataclass(frozen=True)
class Done:
    """One item of a user's history."""

    title: str
    event_type: str
    days_before: int


@dataclass(frozen=True)
class Shown:
    """One position of a slate."""

    rank: int
    title: str
    source: str
    because: tuple[str, ...]
    "Titles."
    right: bool


@dataclass(frozen=True)
class Example:
    """One user under a name that leads nowhere."""

    name: str
    events: int
    history: tuple[Done, ...]
    "Newest first, each item once."
    slate: tuple[Shown, ...]
    wanted: tuple[str, ...]
    "Titles of what the user then did that the slate does not have."
    more_wanted: int


def examples(
    judgement: Judgement, slates: pl.DataFrame, *, forgotten: Collection[UserId], rng: np.random.Generator
) -> list[Example]:
    """Users drawn at random, those with history first.

    Args:
        judgement: has the truth, and what was known before.
        slates: schema SLATES.
        forgotten: users who asked to be; they are not drawn.
        rng: draws them.
    """
    moment = judgement.moment
    judged = judgement.truth[c.USER_ID].unique().sort()
    judged = judged.filter(~judged.is_in(list(forgotten)))
    has_history = judged.is_in(moment.users)
    users = [*_draw(judged.filter(has_history), WITH_HISTORY, rng), *_draw(judged.filter(~has_history), WITHOUT, rng)]
    shown = slates.filter(pl.col(c.USER_ID).is_in(users), pl.col(c.RANK) <= SLATE_SHOWN).sort(c.USER_ID, c.RANK)
    explained = moment.explainer.because(shown.drop(c.BECAUSE))
    titles = dict(moment.recall.items.select(c.ITEM_ID, c.TITLE).drop_nulls().iter_rows())
    salt = secrets.token_bytes(16)
    return [_example(user, _pseudonym(user, salt), judgement, explained, titles) for user in users]


def _example(
    user: UserId, name: str, judgement: Judgement, explained: pl.DataFrame, titles: dict[ItemId, str]
) -> Example:
    mine = pl.col(c.USER_ID) == user
    right = judgement.truth.filter(mine)[c.ITEM_ID].sort().to_list()
    slate = tuple(
        Shown(
            rank,
            titles.get(item, item),
            source,
            tuple(titles.get(one, one) for one in because[:REASONS]),
            item in right,
        )
        for item, source, rank, because in explained.filter(mine)
        .select(c.ITEM_ID, c.SOURCE, c.RANK, c.BECAUSE)
        .iter_rows()
    )
    placed = set(explained.filter(mine)[c.ITEM_ID])
    missed = [titles.get(item, item) for item in right if item not in placed]
    recall = judgement.moment.recall
    events = recall.interactions.filter(mine)
    age = (pl.lit(recall.as_of) - pl.col(c.TIMESTAMP)).dt.total_microseconds() / DAY
    newest = (
        events.sort(c.TIMESTAMP, c.EVENT_ID, descending=True)
        .unique(c.ITEM_ID, keep="first", maintain_order=True)
        .head(HISTORY_SHOWN)
        .select(c.ITEM_ID, c.EVENT_TYPE, age.ceil().cast(pl.Int64).alias(c.AGE_DAYS))
    )
    history = tuple(Done(titles.get(item, item), kind, days) for item, kind, days in newest.iter_rows())
    return Example(
        name=name,
        events=events.height,
        history=history,
        slate=slate,
        wanted=tuple(missed[:WANTED_SHOWN]),
        more_wanted=max(0, len(missed) - WANTED_SHOWN),
    )


def _draw(users: pl.Series, count: int, rng: np.random.Generator) -> list[UserId]:
    drawn: list[UserId] = users.gather(np.sort(rng.permutation(len(users))[:count])).to_list()
    return drawn


def _pseudonym(user: UserId, salt: bytes) -> str:
    """Nobody can lead it back: the salt is kept nowhere, so the same user has another name on the next page."""
    return hashlib.sha256(salt + user.encode()).hexdigest()[:8]
