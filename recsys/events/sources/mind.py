"""MIND, the Microsoft news dataset: a folder with ``behaviors.tsv`` and ``news.tsv``, as published.

A line of behaviors is an impression (the news shown, in order) and as many clicks, at the same time, as it has flags
``-1``. Published times have no zone and are read as UTC. The news that a user had read before are not events: nobody
said when; they are left out. The published test set has no flags: what was clicked is unknown, and its lines are
set aside.

Source: F. Wu et al., MIND: A Large-scale Dataset for News Recommendation, ACL 2020, doi:10.18653/v1/2020.acl-main.331.
"""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cached_property
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.lines import TextForm
from recsys.events.raw import RawBatch
from recsys.events.schema import TIME
from recsys.events.sources.mind_news import read_news
from recsys.events.sources.source import DayRange, Surroundings
from recsys.events.sources.unfiled import LINE, Unfiled, midnight, reach, the_file
from recsys.types import Frozen

IMPRESSION: Final = "impression"
USER: Final = "user"
WHEN: Final = "time"
HISTORY: Final = "history"
SHOWN: Final = "shown"
BEHAVIORS: Final = TextForm(names=(IMPRESSION, USER, WHEN, HISTORY, SHOWN), delimiter="\t", quoted=False)
"The file has no header."

NO_FLAG: Final = "missing_click_flag"

MOMENT: Final = (
    pl.col(WHEN).str.to_datetime("%m/%d/%Y %I:%M:%S %p", strict=False).dt.replace_time_zone("UTC").cast(TIME)
)


class MindParams(Frozen):
    """Where the files lie."""

    path: str
    "Folder, or s3://bucket/prefix, of the published files."


class Mind:
    """What a news site showed and what was clicked; the news are known from the first day on."""

    filed = False

    def __init__(self, params: MindParams, surroundings: Surroundings) -> None:
        self._folder = params.path
        self._surroundings = surroundings

    def days(self) -> DayRange:
        return DayRange(*self._reach)

    def read(self, start: datetime, end: datetime) -> Iterator[RawBatch]:
        yield from self._behaviors.read(start, end, self._surroundings)
        known_from = midnight(self._reach[0])
        news = the_file(self._folder, "news.tsv", self._surroundings)
        yield from read_news(news, known_from, wanted=start <= known_from < end)

    @cached_property
    def _reach(self) -> tuple[date, date]:
        return reach([self._behaviors], self._surroundings)

    @cached_property
    def _behaviors(self) -> Unfiled:
        return Unfiled(the_file(self._folder, "behaviors.tsv", self._surroundings), BEHAVIORS, MOMENT, _told)


def _told(lines: pl.DataFrame) -> pl.DataFrame:
    """An impression per line, followed by its clicks."""
    tokens = pl.col(SHOWN).str.split(" ")
    flagged = tokens.list.eval(pl.element().str.contains("[^-]-[01]$")).list.all()
    known = lines.with_columns(
        tokens.list.eval(pl.element().str.replace("-[01]$", "")).fill_null([]).alias(c.ITEMS),
        tokens.list.eval(pl.element().str.strip_suffix("-1").filter(pl.element().str.ends_with("-1"))).alias(c.ITEM_ID),
        pl.when(~flagged).then(pl.lit(NO_FLAG)).alias(c.REASON),
        pl.col(IMPRESSION).alias(c.REQUEST_ID),
        pl.col(USER).alias(c.USER_ID),
    )
    place = [c.REQUEST_ID, c.USER_ID, c.TIMESTAMP, c.SOURCE_FILE, c.SOURCE_LINE, LINE]
    impressions = known.select(pl.col(IMPRESSION).alias(c.EVENT_ID), c.ITEMS, c.REASON, *place)
    clicks = (
        known.filter(pl.col(c.REASON).is_null())
        .explode(c.ITEM_ID)
        .drop_nulls(c.ITEM_ID)
        .select(
            pl.concat_str(IMPRESSION, c.ITEM_ID, separator="/").alias(c.EVENT_ID),
            c.ITEM_ID,
            pl.lit("click").alias(c.EVENT_TYPE),
            *place,
        )
    )
    return pl.concat([impressions, clicks], how="diagonal").sort(LINE, maintain_order=True)
