"""Sessions of the event log as lists of items, and the beginnings of them that a model is asked about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.types import ItemId


@dataclass(frozen=True)
class ItemSession:
    """What one visit looked at, one item per event; at least one."""

    items: tuple[ItemId, ...]
    "Oldest first."
    started: float
    "Seconds since 1970, as is the end."
    ended: float


class Case(NamedTuple):
    """The beginning of a session, and what came next."""

    session: tuple[ItemId, ...]
    "At least one item, oldest first."
    truth: ItemId
    group: int
    "Which session it is of."


def read_item_sessions(
    interactions: pl.DataFrame, *, until: datetime, pause_minutes: float, since: datetime | None = None
) -> list[ItemSession]:
    """Every session, in the order of their starts: what a user did until the session id changed or a pause was long.

    Events of one moment stand in the order of their event ids. Events of the same user that name no session are divided
    by pauses alone.

    Args:
        interactions: schema INTERACTIONS; rows from ``until`` on are left out.
        until: exclusive, UTC.
        pause_minutes: longest time without an event within a session.
        since: sessions that began before it are left out; None: none are.
    """
    pause = timedelta(minutes=pause_minutes)
    starts = (
        (pl.col(c.USER_ID) != pl.col(c.USER_ID).shift())
        | pl.col(c.SESSION_ID).ne_missing(pl.col(c.SESSION_ID).shift())
        | (pl.col(c.TIMESTAMP).diff() > pause)
    )
    found = (
        interactions.filter(pl.col(c.TIMESTAMP) < until)
        .sort(c.USER_ID, c.TIMESTAMP, c.EVENT_ID)
        .with_columns(starts.fill_null(value=True).cum_sum().alias(c.POSITION))
        .group_by(c.POSITION, maintain_order=True)
        .agg(
            pl.col(c.ITEM_ID),
            pl.col(c.TIMESTAMP).first().dt.epoch("us").alias(_STARTED),
            pl.col(c.TIMESTAMP).last().dt.epoch("us").alias(_ENDED),
        )
        .sort(_STARTED, c.POSITION)
    )
    first = float("-inf") if since is None else since.timestamp()
    return [
        ItemSession(tuple(items), started / 1e6, ended / 1e6)
        for items, started, ended in found.select(c.ITEM_ID, _STARTED, _ENDED).iter_rows()
        if started / 1e6 >= first
    ]


def cases_of(
    sessions: Sequence[Sequence[ItemId]],
    *,
    repeats: bool,
    at_most: int | None = None,
    rng: np.random.Generator | None = None,
) -> list[Case]:
    """Every beginning of every session and the item that came next, in the order of ``sessions``.

    Args:
        sessions: oldest item first.
        repeats: whether a session's own items may come next; else cases where one did are left out.
        at_most: so many, drawn evenly; None: all.
        rng: draws them; needed where ``at_most`` is given.
    """
    cases = [
        Case(tuple(session[:cut]), session[cut], number)
        for number, session in enumerate(sessions)
        for cut in range(1, len(session))
        if repeats or session[cut] not in session[:cut]
    ]
    if at_most is None or rng is None or len(cases) <= at_most:
        return cases
    return [cases[n] for n in np.sort(rng.permutation(len(cases))[:at_most])]


_STARTED, _ENDED = "_started", "_ended"
