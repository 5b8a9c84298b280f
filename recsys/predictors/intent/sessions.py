"""Sessions of the event log, each cut before its purchase."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol, TypeVar

import polars as pl

from recsys import columns as c
from recsys.predictors.item_facts import told_before
from recsys.serving.predicting.session import SessionEvent, SessionRules, split_sessions


class Timed(Protocol):
    """Something that began and is over, in seconds since 1970."""

    @property
    def started(self) -> float: ...

    @property
    def ended(self) -> float: ...


T = TypeVar("T", bound=Timed)


@dataclass(frozen=True)
class Session:
    """One session that is over."""

    user_id: str
    events: tuple[SessionEvent, ...]
    "What happened before the purchase, or until the end; at least one event."
    bought: bool
    ended: float
    "When the last event was, the purchase included, in seconds since 1970."

    @property
    def started(self) -> float:
        return self.events[0].timestamp or 0.0


def read_sessions(
    interactions: pl.DataFrame,
    item_updates: pl.DataFrame | None,
    rules: SessionRules,
    *,
    until: datetime,
    since: datetime | None = None,
) -> list[Session]:
    """Every session that was over at ``until``, in the order of their starts.

    An event knows category and price of its item as they were told before it. Events of one moment stand in the order
    of their event ids. A session that has bought nothing, and whose last event is less than the pause before ``until``,
    may go on: it is left out. So are sessions that begin with a purchase.

    Args:
        interactions: schema INTERACTIONS; rows from ``until`` on are left out.
        item_updates: schema ITEM_UPDATES; None: nothing is known of items.
        rules: of the site.
        until: exclusive, UTC.
        since: sessions that began before it are left out; None: none are.
    """
    known = interactions.filter(pl.col(c.TIMESTAMP) < until, pl.col(c.EVENT_TYPE).is_in(list(rules.event_types))).sort(
        c.TIMESTAMP, c.EVENT_ID
    )
    told = known.with_columns(*(told_before(known, item_updates, name) for name in (c.CATEGORY, c.PRICE)))
    rows = told.sort(c.USER_ID, maintain_order=True).select(
        c.USER_ID,
        c.EVENT_TYPE,
        pl.col(c.TIMESTAMP).dt.epoch("us"),
        c.ITEM_ID,
        c.CATEGORY,
        c.PRICE,
        c.SESSION_ID,
    )
    sessions = [
        session
        for user, events in groupby(rows.iter_rows(), key=itemgetter(0))
        for session in _over(user, [_event(*row[1:]) for row in events], rules, until.timestamp())
    ]
    recent = [each for each in sessions if since is None or each.started >= since.timestamp()]
    return sorted(recent, key=lambda each: (each.started, each.user_id))


def hold_back(sessions: Sequence[T], share: float) -> tuple[list[T], list[T]]:
    """The earlier sessions and the latest ``share`` of them; no earlier one was still going on when a later began."""
    first = round(len(sessions) * (1 - share))
    held = list(sessions[first:])
    cut = held[0].started if held else float("inf")
    return [each for each in sessions[:first] if each.ended < cut], held


def _event(event_type: str, microseconds: int, *known: Any) -> SessionEvent:
    """Seconds are divided here, as everywhere else: Polars multiplies with 1e-6, which is another number."""
    return SessionEvent(event_type, microseconds / 1e6, *known)


def _over(user: str, events: list[SessionEvent], rules: SessionRules, until: float) -> Iterator[Session]:
    for found in split_sessions(events, rules):
        before = tuple(event for event in found if event.event_type != rules.purchase)
        bought, ended = len(before) < len(found), found[-1].timestamp or 0.0
        if before and (bought or until - ended > rules.pause_seconds):
            yield Session(user, before, bought, ended)
