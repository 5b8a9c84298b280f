"""Rows of impressions with what became of them, from the event log or a file."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.schema import IMPRESSIONS, INTERACTIONS, require
from recsys.predictors.item_facts import told_before
from recsys.serving.predicting.coded import Coded, as_text
from recsys.sites.predictor_policy import CtrPolicy


def impression_rows(
    impressions: pl.DataFrame,
    interactions: pl.DataFrame,
    item_updates: pl.DataFrame | None,
    *,
    as_of: datetime,
    policy: CtrPolicy,
) -> pl.DataFrame:
    """One row per item shown, in the order of time: the site's own impressions.

    Shown are those from ``history_days`` before ``as_of`` until ``label_hours`` before it, with a request_id. An item
    is clicked where an interaction before ``as_of``, of any type, names the request and the item. Category and price
    are those told before the impression.

    Args:
        impressions: schema IMPRESSIONS.
        interactions: schema INTERACTIONS.
        item_updates: schema ITEM_UPDATES; None: nothing is known of items.
        as_of: exclusive, UTC.
        policy: of the site.

    Returns:
        timestamp (its hour), user_id, item_id, position (1 is the first), slate_size (items shown together), category,
        price, and the policy's label.
    """
    require(impressions, IMPRESSIONS, name="impressions")
    require(interactions, INTERACTIONS, name="interactions")
    first, last = as_of - timedelta(days=policy.history_days), as_of - timedelta(hours=policy.label_hours)
    pair = [c.REQUEST_ID, c.ITEM_ID]
    shown = (
        impressions.filter(pl.col(c.TIMESTAMP) >= first, pl.col(c.TIMESTAMP) < last, pl.col(c.REQUEST_ID).is_not_null())
        .unique(c.REQUEST_ID, keep="first", maintain_order=True)
        .sort(c.TIMESTAMP, c.REQUEST_ID)
        .with_columns(pl.col(c.ITEMS).list.len().alias(c.SLATE_SIZE))
        .with_columns(pl.int_ranges(1, pl.col(c.SLATE_SIZE) + 1).alias(c.POSITION))
        .explode(c.ITEMS, c.POSITION)
        .rename({c.ITEMS: c.ITEM_ID})
        .unique(pair, keep="first", maintain_order=True)
    )
    clicked = interactions.filter(pl.col(c.TIMESTAMP) < as_of).select(pair).drop_nulls().unique()
    rows = shown.join(
        clicked.with_columns(pl.lit(True).alias(policy.label)), on=pair, how="left", maintain_order="left"
    ).with_columns(pl.col(policy.label).fill_null(False))
    known = rows.with_columns(*(told_before(rows, item_updates, name) for name in (c.CATEGORY, c.PRICE)))
    return known.select(
        pl.col(c.TIMESTAMP).dt.truncate("1h"),
        c.USER_ID,
        c.ITEM_ID,
        c.POSITION,
        c.SLATE_SIZE,
        c.CATEGORY,
        c.PRICE,
        policy.label,
    )


def rows_file(policy: CtrPolicy) -> Path:
    """The policy's CSV file.

    Raises:
        SourceError: no such file.
    """
    path = Path(policy.path or "") / policy.file
    if not path.is_file():
        raise SourceError(f"found no {path}, expected a CSV of impressions; correct predictors.ctr.path and file")
    return path


def read_rows(policy: CtrPolicy) -> pl.DataFrame:
    """The rows of the policy's CSV file, in its order: its columns as text, and its label.

    The label is a boolean, null where it is neither 1 nor 0.

    Raises:
        SourceError: no such file, or one without the columns of the policy.
    """
    path = rows_file(policy)
    rows = pl.read_csv(path, infer_schema=False)
    wanted = [*policy.columns, policy.label]
    missing = [name for name in wanted if name not in rows.columns]
    if missing:
        raise SourceError(f"{path}: found no columns {missing}, expected {wanted}; correct predictors.ctr, or the file")
    label = pl.col(policy.label)
    clicked = pl.when(label.is_in(["0", "1"])).then(label == "1").alias(policy.label)
    return rows.select(*policy.columns, clicked)


def latest(rows: pl.DataFrame, share: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The earlier rows and the latest ``share`` of them; rows must be in the order of time."""
    first = round(rows.height * (1 - share))
    return rows[:first], rows[first:]


def coded(rows: pl.DataFrame, columns: tuple[str, ...]) -> dict[str, Coded]:
    """Columns of a frame in the form that encoders read; every value is written as a request's value is."""
    found = {}
    for name in columns:
        values = rows[name].unique().sort(nulls_last=True)
        numbered = pl.DataFrame({name: values, _CODE: pl.int_range(len(values), eager=True)})
        codes = rows.select(name).join(numbered, on=name, how="left", nulls_equal=True, maintain_order="left")[_CODE]
        found[name] = Coded([as_text(value) for value in values.to_list()], codes.to_numpy())
    return found


_CODE = "_code"
