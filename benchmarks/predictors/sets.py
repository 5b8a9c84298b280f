"""What the predictors are measured on: simulated sets, and published ones where they are present."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c
from recsys.events.schema import INTERACTIONS, TIME, filled
from recsys.events.simulator import Shop, ShopParams
from recsys.events.sources.retailrocket import RetailRocket, RetailRocketParams
from recsys.events.sources.source import Surroundings
from recsys.predictors.ctr import read_rows
from recsys.predictors.intent import Session, read_sessions
from recsys.serving.predicting.session import SessionRules
from recsys.sites import add_site
from recsys.sites.predictor_policy import CtrChecks, CtrPolicy
from recsys.testing.clicks import CLICK, drawn_clicks

RULES = SessionRules(
    event_types=("view", "cart", "purchase"), purchase="purchase", cart="cart", remove="remove", pause_seconds=1800.0
)
DAYS = 40
FIRST = date(2026, 1, 1)


@dataclass(frozen=True)
class Rows:
    """Impressions in the order of time."""

    name: str
    rows: pl.DataFrame
    policy: CtrPolicy
    owner: str | None
    "The column whose rows are drawn together for intervals; None: each alone."
    truth: NDArray[np.float64] | None = None
    "How likely each truly was to be clicked, where that is known."


def simulated_sessions() -> list[Session]:
    """Of the demo shop."""
    shop = Shop(ShopParams())
    days = [FIRST + timedelta(days=n) for n in range(DAYS)]
    log = pl.concat([shop.events(day) for day in days])
    told = pl.concat([shop.catalogue(FIRST), *(shop.item_updates(day) for day in days[1:])])
    return read_sessions(log, told, RULES, until=_midnight(FIRST + timedelta(days=DAYS)))


def retailrocket_sessions(data: Path) -> list[Session]:
    """Of RetailRocket as published, in its collapsed form."""
    source = RetailRocket(RetailRocketParams(path=data / "retailrocket"), Surroundings())
    days = source.days()
    until = _midnight(days.last + timedelta(days=1))
    read = [batch.rows for batch in source.read(_midnight(days.first), until)]
    return read_sessions(filled(pl.concat(read), INTERACTIONS), None, RULES, until=until)


def simulated_rows(count: int) -> Rows:
    """Impressions whose true click probability is known."""
    rows, truth = drawn_clicks(count, rng=np.random.default_rng(7))
    return Rows(f"simulated, {count:,} rows", rows, CtrPolicy(rows=count), c.USER_ID, truth)


def open_bandit(data: Path) -> Rows:
    """Both policies' logs together; with 80 clicks, a site's default checks are overruled."""
    features = tuple(f"user_feature_{n}" for n in range(4))
    logs = [pl.read_csv(data / "open_bandit" / log / "all" / "all.csv") for log in ("random", "bts")]
    rows = pl.concat([log.select(c.TIMESTAMP, c.ITEM_ID, c.POSITION, *features, CLICK) for log in logs])
    when = pl.col(c.TIMESTAMP).str.to_datetime(time_zone="UTC")
    policy = CtrPolicy(
        categories=(c.ITEM_ID, c.POSITION, *features),
        numbers=(c.POSITION, "hour_of_day", "day_of_week"),
        counts=((c.ITEM_ID,), features),
        crosses=((c.ITEM_ID, c.POSITION), (c.ITEM_ID, features[0])),
        checks=CtrChecks(min_clicks=1),
    )
    timed = rows.with_columns(when).sort(c.TIMESTAMP, maintain_order=True)
    hours = pl.col(c.TIMESTAMP).dt.truncate("1h")
    return Rows("open_bandit", timed.with_columns(hours, pl.col(CLICK) == 1), policy, None)


def mind(data: Path) -> Rows:
    """Every item shown, clicked or not, as a site's own impressions would be."""
    folder = data / "mind_5k"
    form = {"separator": "\t", "has_header": False, "quote_char": None, "infer_schema": False}
    lines = pl.read_csv(
        folder / "behaviors.tsv", **form, new_columns=["id", c.USER_ID, c.TIMESTAMP, "history", "shown"]
    )
    news = pl.read_csv(folder / "news.tsv", **form).select(
        pl.col("column_1").alias(c.ITEM_ID), pl.col("column_2").alias(c.CATEGORY)
    )
    shown = (
        lines.with_columns(
            pl.col(c.TIMESTAMP).str.to_datetime("%m/%d/%Y %I:%M:%S %p").dt.replace_time_zone("UTC").cast(TIME),
            pl.col("shown").str.split(" "),
        )
        .sort(c.TIMESTAMP, "id")
        .with_columns(pl.col("shown").list.len().alias(c.SLATE_SIZE))
        .with_columns(pl.int_ranges(1, pl.col(c.SLATE_SIZE) + 1).alias(c.POSITION))
        .explode("shown", c.POSITION)
    )
    rows = shown.select(
        pl.col(c.TIMESTAMP).dt.truncate("1h"),
        c.USER_ID,
        pl.col("shown").str.split("-").list.first().alias(c.ITEM_ID),
        c.POSITION,
        c.SLATE_SIZE,
        pl.lit(None, pl.Float64).alias(c.PRICE),
        pl.col("shown").str.ends_with("-1").alias(CLICK),
    )
    told = rows.join(news.unique(c.ITEM_ID), on=c.ITEM_ID, how="left", maintain_order="left")
    return Rows("mind_5k", told, CtrPolicy(), c.USER_ID)


def avazu(data: Path, folder: Path) -> Rows:
    """The sample of one hour, by the template of the site; ``folder`` takes its YAML."""
    policy = add_site(folder, "avazu", from_dir=data / "avazu_sample").predictors.ctr or CtrPolicy()
    return Rows("avazu_sample (one hour: smoke)", read_rows(policy), policy, None)


def present(data: Path, folder: Path) -> dict[str, Callable[[], Rows]]:
    """The published sets that ``data`` holds."""
    known: dict[str, Callable[[], Rows]] = {
        "open_bandit": lambda: open_bandit(data),
        "mind_5k": lambda: mind(data),
        "avazu_sample": lambda: avazu(data, folder),
    }
    return {name: read for name, read in known.items() if (data / name).is_dir()}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
