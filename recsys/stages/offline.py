"""Recommendations from files to files, without a site or a server: the generators and rankers of the platform."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import scipy.sparse as sp

from recsys import columns as c
from recsys.candidates.history import positions
from recsys.candidates.sequences import Sequences
from recsys.evaluation.contestants import RANKED
from recsys.features.item_tokens import TOKEN, item_tokens
from recsys.ranking.next_item.answers import as_rows, filled, popular_columns
from recsys.ranking.next_item.content import Content
from recsys.ranking.next_item.model import NextItem
from recsys.stages.generators_on_trial import TrialReport
from recsys.stages.offline_by_time import contest
from recsys.stages.offline_files import read_cases, read_events, read_items, read_sessions, read_users
from recsys.steps import Step, Steps
from recsys.types import Frozen, UserId

SEED: Final = 7


class OfflineReport(Frozen):
    """What was written, and what it cost."""

    out: str
    answered: int
    "Users, or cases."
    rows: int
    steps: tuple[Step, ...]
    trial: TrialReport | None = None
    "Which generators were tried beside a site's defaults, and whether they were taken; None: the log has no times."


def recommend(
    *, events: Path, items: Path | None, users: Path, k: int, out: Path, trial: bool = False
) -> OfflineReport:
    """Writes the ``k`` best items for each user: user_id, item_id, rank (1 best).

    What a user has in the log is not recommended; users who are not in it get what strangers get. Where the log has
    times, this is the platform's two-stage training; where it has only an order, a ranker of what comes next.
    ``trial``: a site's default generators on trial are taken where the log's own label windows say that they help; a
    log without times has no such windows.

    Raises:
        SourceError, SchemaError: a file is missing, empty, or not in its form.
    """
    steps = Steps()
    with steps.measured("read") as rows:
        log, asked = read_events(events), read_users(users)
        known = None if items is None else read_items(items)
        rows.append(log.height)
    if log[c.TIMESTAMP].null_count():
        return _written(recommend_by_order(log, known, asked, k=k, steps=steps), out, len(asked), steps)
    found = contest(log, known, asked, k=k, steps=steps, with_trial=trial)
    return _written(found.slates[RANKED], out, len(asked), steps, found.trial)


def next_item(*, sessions: Path, cases: Path, k: int, out: Path) -> OfflineReport:
    """Writes the ``k`` items that most likely come next in each case: case (its line, from 0), item_id, rank (1 best).

    Raises:
        SourceError: a file is missing or empty, or a case has no items.
    """
    steps = Steps()
    with steps.measured("read") as rows:
        past = Sequences.of_lists(read_sessions(sessions))
        asked = read_cases(cases)
        rows.append(len(past))
    with steps.measured("train") as rows:
        rng = np.random.default_rng(SEED)
        ranker = NextItem().fit(past, taught="latest sequences", repeats=True, content=None, rng=rng)
        rows.append(len(past))
    with steps.measured("answer") as rows:
        queries = Sequences.of_lists(asked, items=past.items)
        chosen = filled(ranker.predict(queries, k=k), popular_columns(past, k=k), own=None)
        numbers = pl.Series(c.CASE, range(len(asked)), dtype=pl.Int64)
        found = as_rows(chosen, numbers, past.items)
        rows.append(found.height)
    return _written(found, out, len(asked), steps)


def recommend_by_order(
    log: pl.DataFrame, items: pl.DataFrame | None, users: Sequence[UserId], *, k: int, steps: Steps
) -> pl.DataFrame:
    """user_id, item_id, rank for every one of ``users``, from a log (schema EVENTS) with an order but no times."""
    with steps.measured("train") as rows:
        by_user = log.group_by(c.USER_ID, maintain_order=True).agg(c.ITEM_ID)
        past = Sequences.of_lists(by_user[c.ITEM_ID].to_list())
        content = None if items is None else content_of(items, past.items)
        rng = np.random.default_rng(SEED)
        ranker = NextItem().fit(past, taught="last items", repeats=False, content=content, rng=rng)
        rows.append(log.height)
    with steps.measured("answer") as rows:
        asked = pl.Series(c.USER_ID, users, dtype=pl.String)
        queries = past.picked(positions(asked, by_user[c.USER_ID]))
        popular = popular_columns(past, k=k + int(queries.lengths.max(initial=0)))
        found = as_rows(filled(ranker.predict(queries, k=k), popular, own=queries), asked, past.items)
        rows.append(found.height)
    return found


def content_of(items: pl.DataFrame, known: pl.Series) -> Content | None:
    """Tokens of the ``known`` items; None where nothing is told of any."""
    told = item_tokens(items.filter(pl.col(c.ITEM_ID).is_in(known.implode())))
    if told.is_empty():
        return None
    names = told[TOKEN].unique().sort()
    at = positions(told[c.ITEM_ID], known), positions(told[TOKEN], names)
    return Content.of(sp.csr_matrix((np.ones(told.height), at), shape=(len(known), len(names))))


def _written(
    found: pl.DataFrame, out: Path, answered: int, steps: Steps, trial: TrialReport | None = None
) -> OfflineReport:
    with steps.measured("write") as rows:
        out.parent.mkdir(parents=True, exist_ok=True)
        found.write_parquet(out)
        rows.append(found.height)
    return OfflineReport(out=str(out), answered=answered, rows=found.height, steps=tuple(steps.ended), trial=trial)
