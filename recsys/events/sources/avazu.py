"""Avazu's click-through data as published: rows of 24 columns, an advertisement shown each, clicked or not.

A row is an impression of one advertisement (C14, its anonymous id), and a ``click`` besides when it was clicked. The
user is the device; most rows have the device id that stands for "none", and for these the user is address and model of
the device together. Times are hours, read as UTC. What is known of the advertisement: C17 is its category, C15 to C17
are attributes.

Source: Avazu, Click-Through Rate Prediction, Kaggle, 2014.
"""

from functools import partial
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.filed import FiledPath
from recsys.events.lines import TextForm, read_lines
from recsys.events.raw import RAW, Filing, RawBatch
from recsys.events.schema import ITEM_UPDATES, TIME, filled
from recsys.events.sources.mapping import as_published
from recsys.events.sources.source import Surroundings
from recsys.events.sources.tables import Table, TableSource
from recsys.types import Frozen

ROW: Final = "id"
CLICK: Final = "click"
HOUR: Final = "hour"
DEVICE: Final = "device_id"
ADDRESS: Final = "device_ip"
MODEL: Final = "device_model"
AD: Final = "C14"
GROUP: Final = "C17"
AD_ATTRIBUTES: Final = ("C15", "C16", GROUP)
PLACES: Final = tuple(f"{place}_{what}" for place in ("site", "app") for what in ("id", "domain", "category"))
DEVICES: Final = (DEVICE, ADDRESS, MODEL, "device_type", "device_conn_type")
HEADER: Final = (ROW, CLICK, HOUR, "C1", "banner_pos", *PLACES, *DEVICES, *(f"C{number}" for number in range(14, 22)))

NO_DEVICE: Final = "a99f214a"
BAD_CLICK: Final = "bad_click"


class AvazuParams(Frozen):
    """Where the rows lie."""

    path: str
    "Folder of the file, local or s3://bucket/prefix."
    file: str = "train.csv"
    "Name of the file in that folder, such as train.gz; may have wildcards."


def avazu(params: AvazuParams, surroundings: Surroundings) -> TableSource:
    """The source of kind ``avazu``."""
    pattern = f"{params.path.rstrip('/')}/{params.file}"
    form = TextForm((HEADER,), pattern=surroundings.quality.line_pattern)
    table = Table(FiledPath(pattern, surroundings.settings), partial(read_lines, form=form), _told)
    return TableSource(pattern, [table], surroundings.quality)


def _told(lines: pl.DataFrame, filing: Filing | None) -> RawBatch:
    """The clicks, then the impressions."""
    device = pl.when(pl.col(DEVICE) == NO_DEVICE).then(pl.col(ADDRESS) + "-" + pl.col(MODEL)).otherwise(pl.col(DEVICE))
    known = pl.col(CLICK).is_in(["0", "1"]).fill_null(False)
    rows = lines.with_columns(
        device.alias(c.USER_ID),
        pl.col(AD).alias(c.ITEM_ID),
        (pl.col(HOUR) + "00")
        .str.to_datetime("%y%m%d%H%M", strict=False)
        .dt.replace_time_zone("UTC")
        .cast(TIME)
        .alias(c.TIMESTAMP),
        pl.col(ROW).alias(c.REQUEST_ID),
        pl.when(~known).then(pl.lit(BAD_CLICK)).alias(c.REASON),
    )
    shown = rows.with_columns(pl.col(ROW).alias(c.EVENT_ID), pl.concat_list(AD).alias(c.ITEMS)).drop(c.ITEM_ID)
    clicked = rows.filter(pl.col(CLICK) == "1").with_columns(
        (pl.col(ROW) + "/click").alias(c.EVENT_ID), pl.lit("click").alias(c.EVENT_TYPE)
    )
    told = rows.filter(pl.col(AD).is_not_null(), pl.col(c.TIMESTAMP).is_not_null()).select(
        c.ITEM_ID,
        c.TIMESTAMP,
        pl.col(GROUP).alias(c.CATEGORY),
        pl.struct(AD_ATTRIBUTES).struct.json_encode().alias(c.ATTRIBUTES),
    )
    return RawBatch(
        rows=pl.concat([filled(clicked, RAW), filled(shown, RAW)]),
        originals=as_published(pl.concat([lines.filter(pl.col(CLICK) == "1"), lines])),
        item_updates=filled(told.unique(maintain_order=True), ITEM_UPDATES),
        filing=filing,
    )
