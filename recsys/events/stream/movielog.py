"""Log lines of a film service, one message each.

* ``time,user,GET /rate/<film>=<stars>``: a rating; the interaction ``rate``, worth its stars.
* ``time,user,GET /data/m/<film>/<n>.mpg``: the n-th minute was watched; the interaction ``watch``.
* ``time,user,recommendation request <host>, status 200, result: <film>, <film>, …, <n> ms``: an impression.

Times without a zone are UTC. A line has no id: its content is the id, so that a line that was sent twice counts once. A
request that was not answered, or whose answer names no film, shows nothing and is set aside as ``request_failed``.
"""

from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.schema import filled
from recsys.events.sources.mapping import SHOWN, identity
from recsys.events.stream.told import EVENTS, IMPRESSION, INTERACTION
from recsys.events.times import TimeForm, as_utc

UNKNOWN_LINE: Final = "unknown_line"
REQUEST_FAILED: Final = "request_failed"

NUMBER: Final = "number"
"Stars, or the minute that was watched: part of what a line says, and so of its id."
RATE: Final = "rate"
WATCH: Final = "watch"

HEAD: Final = r"^(?P<time>[^,]+),(?P<user>[^,]*),"
RATED: Final = HEAD + r"GET /rate/(?P<film>.+)=(?P<number>-?\d+(?:\.\d+)?)\s*$"
WATCHED: Final = HEAD + r"GET /data/m/(?P<film>.+)/(?P<number>\d+)\.mpg\s*$"
ASKED: Final = (
    HEAD + r"\s*recommendation request (?P<host>[^,]+),\s*status (?P<status>\d+)(?:,\s*(?P<answer>.*\S))?\s*$"
)
ANSWER: Final = r"^(?:result:\s*)?(?P<films>.*?)(?:,?\s*\d+(?:\.\d+)?\s*ms)?$"
ANSWERED: Final = "200"


def movielog(lines: pl.Series) -> pl.DataFrame:
    """The lines as EVENTS; what is none of the three is set aside as ``unknown_line``."""
    rated, watched, asked = (pl.lit(lines).str.extract_groups(pattern) for pattern in (RATED, WATCHED, ASKED))
    found = pl.select(rated.alias("rated"), watched.alias("watched"), asked.alias("asked"))

    def group(name: str, *kinds: str) -> pl.Expr:
        return pl.coalesce(pl.col(kind).struct.field(name) for kind in kinds)

    is_rated, is_watched, is_asked = (group("time", kind).is_not_null() for kind in ("rated", "watched", "asked"))
    answer = pl.when(group("status", "asked") == ANSWERED).then(group("answer", "asked"))
    films = answer.str.extract(ANSWER, 1).str.split(",").list.eval(pl.element().str.strip_chars()).list.drop_nulls()
    films = films.list.filter(pl.element() != "")
    told = found.select(
        pl.when(is_rated | is_watched).then(pl.lit(INTERACTION)).when(is_asked).then(pl.lit(IMPRESSION)).alias(c.KIND),
        group("user", "rated", "watched", "asked").alias(c.USER_ID),
        group("film", "rated", "watched").alias(c.ITEM_ID),
        pl.when(is_rated).then(pl.lit(RATE)).when(is_watched).then(pl.lit(WATCH)).alias(c.EVENT_TYPE),
        group("time", "rated", "watched", "asked").alias(c.TIMESTAMP),
        group("number", "rated").cast(pl.Float64).alias(c.VALUE),
        pl.when(is_asked).then(films).alias(c.ITEMS),
        pl.when(~(is_rated | is_watched | is_asked))
        .then(pl.lit(UNKNOWN_LINE))
        .when(is_asked & (films.list.len().fill_null(0) == 0))
        .then(pl.lit(REQUEST_FAILED))
        .alias(c.REASON),
        group("number", "rated", "watched").alias(NUMBER),
    )
    timed = told.with_columns(as_utc(told[c.TIMESTAMP], TimeForm()))
    named = timed.with_columns(pl.coalesce(c.EVENT_TYPE, pl.lit(SHOWN)).alias(c.EVENT_TYPE))
    ids = identity(named, (c.USER_ID, c.ITEM_ID, c.EVENT_TYPE, c.TIMESTAMP, NUMBER, c.ITEMS)).alias(c.EVENT_ID)
    answers = pl.when(pl.col(c.KIND) == IMPRESSION).then(pl.col(c.EVENT_ID)).alias(c.REQUEST_ID)
    return filled(timed.with_columns(ids).with_columns(answers), EVENTS)
