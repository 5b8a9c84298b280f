"""What each user of an experiment was shown and then did, by hour or day: impressions joined with interactions.

An interaction belongs to at most one slate, and so to at most one arm: the one whose request it names, if that slate
showed the item to this user; else the last slate before it that did, within the window.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal

import polars as pl

from recsys import columns as c
from recsys.events.schema import TIME
from recsys.sites.experiment import Experiment

SLATES: Final = pl.Schema(
    {
        c.REQUEST_ID: pl.String(),
        c.USER_ID: pl.String(),
        c.ARM: pl.String(),
        c.ITEM_IDS: pl.List(pl.String()),
        c.SERVED_AT: TIME,
    }
)
"""What was shown, as the web service logs it; user_id is null for visitors, ``arm`` has labels of experiments."""

ANSWERS: Final = pl.Schema(
    {
        c.USER_ID: pl.String(),
        c.ARM: pl.String(),
        c.SERVED_AT: TIME,
        c.LATENCY_MS: pl.Float64(),
        c.REQUESTS_FAILED: pl.Boolean(),
    }
)
"""How requests were answered: one row each."""

OUTCOMES: Final = pl.Schema(
    {
        c.USER_ID: pl.String(),
        c.ARM: pl.String(),
        c.TIMESTAMP: TIME,
        c.SLATES: pl.Float64(),
        c.SHOWN: pl.Float64(),
        c.EXAMINED: pl.Float64(),
        c.CLICKED: pl.Float64(),
        c.CARTS: pl.Float64(),
        c.PURCHASES: pl.Float64(),
        c.REVENUE: pl.Float64(),
        c.DWELL_SECONDS: pl.Float64(),
        c.RATINGS: pl.Float64(),
        c.RATING_SUM: pl.Float64(),
        c.REQUESTS: pl.Float64(),
        c.REQUESTS_FAILED: pl.Float64(),
        c.LATENCY_MS: pl.Float64(),
    }
)
"""One row per user and hour or day in which anything happened, sorted by both; nothing is null."""


def taking_part(experiment: Experiment, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows with the experiment's label, ``arm`` by its name; without visitors, whom nothing ties together."""
    labels = {experiment.label(arm.name): arm.name for arm in experiment.arms}
    return (
        rows.filter(pl.col(c.USER_ID).is_not_null())
        .with_columns(pl.col(c.ARM).str.split(" "))
        .explode(c.ARM)
        .filter(pl.col(c.ARM).is_in(list(labels)))
        .with_columns(pl.col(c.ARM).replace_strict(labels, return_dtype=pl.String))
    )


def slates_of(experiment: Experiment, slates: pl.LazyFrame) -> pl.LazyFrame:
    """The experiment's slates, each request once."""
    return (
        taking_part(experiment, slates)
        .sort(c.SERVED_AT, c.REQUEST_ID)
        .unique(c.REQUEST_ID, keep="first", maintain_order=True)
    )


def shown_items(slates: pl.LazyFrame) -> pl.LazyFrame:
    """One row per item of each slate, with its position from 1; an item counts once in a slate."""
    return (
        slates.with_columns(pl.int_ranges(1, pl.col(c.ITEM_IDS).list.len() + 1).alias(c.POSITION))
        .explode(c.ITEM_IDS, c.POSITION)
        .rename({c.ITEM_IDS: c.ITEM_ID})
        .drop_nulls(c.ITEM_ID)
        .unique([c.REQUEST_ID, c.ITEM_ID], keep="first", maintain_order=True)
    )


def attributed(experiment: Experiment, shown: pl.LazyFrame, interactions: pl.LazyFrame) -> pl.LazyFrame:
    """Interactions that belong to a slate, each event_id once, with that slate's request, arm, position and time.

    Args:
        experiment: for its window.
        shown: what ``shown_items`` gives.
        interactions: schema INTERACTIONS, in any order.
    """
    events = interactions.unique(c.EVENT_ID, keep="any")
    named = events.join(shown, on=[c.REQUEST_ID, c.USER_ID, c.ITEM_ID])
    rest = events.join(named, on=c.EVENT_ID, how="anti").drop(c.REQUEST_ID).sort(c.TIMESTAMP)
    by_window = rest.join_asof(
        shown.sort(c.SERVED_AT),
        left_on=c.TIMESTAMP,
        right_on=c.SERVED_AT,
        by=[c.USER_ID, c.ITEM_ID],
        strategy="backward",
        tolerance=timedelta(hours=experiment.window_hours),
        check_sortedness=False,
    ).filter(pl.col(c.ARM).is_not_null())
    return pl.concat([named, by_window], how="diagonal")


def outcomes(
    experiment: Experiment,
    slates: pl.LazyFrame,
    interactions: pl.LazyFrame,
    answers: pl.LazyFrame | None = None,
    *,
    every: Literal["1h", "1d"] = "1d",
    examination: Sequence[float] = (1.0,),
) -> pl.LazyFrame:
    """What users were shown and did, schema OUTCOMES.

    An item clicked several times in one slate is clicked once; of everything else each event counts. What happened
    counts when it happened, though not before its slate was served. A slate without an experiment's label, or an
    interaction without a slate, is not there; neither is a user who was in several arms, as only a fault can bring
    about.

    Args:
        experiment: whose.
        slates: schema SLATES.
        interactions: schema INTERACTIONS.
        answers: schema ANSWERS; None: latency and errors are 0 of 0.
        every: how fine.
        examination: chance that a position is looked at, from position 1 on; later positions are like the last.
    """
    mine = slates_of(experiment, slates)
    shown = shown_items(mine)
    chance = (
        pl.col(c.POSITION)
        .clip(upper_bound=len(examination))
        .replace_strict(dict(enumerate(examination, 1)), return_dtype=pl.Float64)
    )
    parts = [
        mine.select(c.USER_ID, c.ARM, pl.col(c.SERVED_AT).alias(c.TIMESTAMP), pl.lit(1.0).alias(c.SLATES)),
        shown.select(
            c.USER_ID,
            c.ARM,
            pl.col(c.SERVED_AT).alias(c.TIMESTAMP),
            pl.lit(1.0).alias(c.SHOWN),
            chance.alias(c.EXAMINED),
        ),
        _done(experiment, attributed(experiment, shown, interactions)),
        _answered(taking_part(experiment, pl.LazyFrame(schema=ANSWERS) if answers is None else answers)),
    ]
    sums = [name for name in OUTCOMES if name not in (c.USER_ID, c.ARM, c.TIMESTAMP)]
    return (
        pl.concat(parts, how="diagonal")
        .with_columns(pl.col(c.TIMESTAMP).dt.truncate(every))
        .group_by(c.USER_ID, c.ARM, c.TIMESTAMP)
        .agg(pl.col(name).sum() for name in sums)
        .filter(pl.col(c.ARM).n_unique().over(c.USER_ID) == 1)
        .sort(c.USER_ID, c.TIMESTAMP)
    )


def _done(experiment: Experiment, events: pl.LazyFrame) -> pl.LazyFrame:
    kinds = experiment.events
    at = pl.max_horizontal(c.TIMESTAMP, c.SERVED_AT).alias(c.TIMESTAMP)

    def of(types: tuple[str, ...], worth: pl.Expr) -> pl.Expr:
        return pl.when(pl.col(c.EVENT_TYPE).is_in(list(types))).then(worth).otherwise(0.0)

    once = pl.col(c.EVENT_ID) == pl.col(c.EVENT_ID).sort_by(c.TIMESTAMP, c.EVENT_ID).first().over(
        c.REQUEST_ID, c.ITEM_ID, pl.col(c.EVENT_TYPE).is_in(list(kinds.click))
    )
    one, value = pl.lit(1.0), pl.col(c.VALUE).fill_null(0.0)
    return events.select(
        c.USER_ID,
        c.ARM,
        at,
        of(kinds.click, once.cast(pl.Float64)).alias(c.CLICKED),
        of(kinds.cart, one).alias(c.CARTS),
        of(kinds.purchase, one).alias(c.PURCHASES),
        of(kinds.purchase, value).alias(c.REVENUE),
        of(kinds.dwell, value).alias(c.DWELL_SECONDS),
        of(kinds.rating, pl.col(c.VALUE).is_not_null().cast(pl.Float64)).alias(c.RATINGS),
        of(kinds.rating, value).alias(c.RATING_SUM),
    )


def _answered(answers: pl.LazyFrame) -> pl.LazyFrame:
    return answers.select(
        c.USER_ID,
        c.ARM,
        pl.col(c.SERVED_AT).alias(c.TIMESTAMP),
        pl.lit(1.0).alias(c.REQUESTS),
        pl.col(c.REQUESTS_FAILED).cast(pl.Float64),
        c.LATENCY_MS,
    )
