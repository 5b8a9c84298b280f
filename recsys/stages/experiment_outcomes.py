"""What was shown in an experiment and what followed, read from the logs; the joined table is kept by day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.errors import NotEnoughData
from recsys.evaluation.experiments.examination import examination, position_counts
from recsys.evaluation.experiments.outcomes import ANSWERS, OUTCOMES, SLATES, outcomes
from recsys.evaluation.experiments.pre_period import pre_period
from recsys.serving.experiments import ExperimentRecord
from recsys.serving.exposures import read_answers, read_slates
from recsys.sites.experiment import Experiment
from recsys.stages.context import StageContext

HOUR: Final = timedelta(hours=1)
BEFORE: Final = 14
"""Days before the start in which it is looked at what users did anyway (CUPED)."""
SETTLED: Final = timedelta(days=2)
"""Outcomes of a day that ended so long ago are not computed again."""


@dataclass(frozen=True)
class Gathered:
    """Everything that an experiment is judged by."""

    start: datetime
    "The full hour in which it was started, UTC."
    looks: int
    "Hours since then; the last may not be over."
    slates: pl.LazyFrame
    "Schema SLATES."
    outcomes: pl.DataFrame
    "Schema OUTCOMES, by hour."
    before: pl.DataFrame
    "user_id, before."


def gather(context: StageContext, record: ExperimentRecord, now: datetime) -> Gathered:
    """What the logs say until now; each day of outcomes is a Parquet file beside the experiment's report.

    Raises:
        StoreError: a store did not answer.
    """
    experiment = record.experiment
    start = record.started_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    slates = pl.LazyFrame(read_slates(context.dsn, experiment.site, start, now), schema=SLATES, orient="row")
    answered = pl.LazyFrame(read_answers(context.dsn, experiment.site, start, now), schema=ANSWERS, orient="row")
    events = context.feedback(experiment.site, start - timedelta(days=BEFORE), now).lazy()
    since = events.filter(pl.col(c.TIMESTAMP) >= start)
    looked_at = _examination(experiment, slates, since)
    days = [start.date() + timedelta(days=day) for day in range((now.date() - start.date()).days + 1)]
    table = pl.concat([_of_day(context, experiment, slates, since, answered, looked_at, day, now) for day in days])
    before = pre_period(experiment, events, start=start, days=BEFORE).collect()
    return Gathered(start, max(1, -(-(now - start) // HOUR)), slates, table, before)


def folder(experiment: Experiment) -> str:
    """Where the experiment's files lie in the data store."""
    return f"experiments/{experiment.site}/{experiment.id}"


def _examination(experiment: Experiment, slates: pl.LazyFrame, events: pl.LazyFrame) -> tuple[float, ...]:
    """Chances that positions are looked at; all alike where the metric does not ask, or nobody clicked yet."""
    if experiment.metric != "examined_ctr" and "examined_ctr" not in {each.metric for each in experiment.guardrails}:
        return (1.0,)
    try:
        return examination(position_counts(experiment, slates, events).collect())
    except NotEnoughData:
        return (1.0,)


def _of_day(
    context: StageContext,
    experiment: Experiment,
    slates: pl.LazyFrame,
    events: pl.LazyFrame,
    answered: pl.LazyFrame,
    looked_at: tuple[float, ...],
    day: date,
    now: datetime,
) -> pl.DataFrame:
    key = f"{folder(experiment)}/outcomes/{day}.parquet"
    first = datetime.combine(day, time(), UTC)
    end = first + timedelta(days=1)
    if end + SETTLED < now and context.blobs.exists(key):
        return pl.read_parquet(BytesIO(context.blobs.get(key)), schema=OUTCOMES)
    until_then = events.filter(pl.col(c.TIMESTAMP) < end)
    table = (
        outcomes(experiment, slates, until_then, answered, every="1h", examination=looked_at)
        .filter(pl.col(c.TIMESTAMP).is_between(first, end, closed="left"))
        .collect()
    )
    content = BytesIO()
    table.write_parquet(content)
    context.blobs.put(key, content.getvalue())
    return table
