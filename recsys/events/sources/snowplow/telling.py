"""What Snowplow events say: views, dwell times, impressions, clicks."""

from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.raw import RAW, Filing
from recsys.events.schema import TIME, filled
from recsys.events.sources.snowplow.canonical import COLLECTED, COLUMNS, DERIVED, EVENT_ID, EVENT_NAME, SESSION
from recsys.events.sources.snowplow.dwell import DWELL, PINGS, VISIT
from recsys.events.sources.snowplow.params import SnowplowParams
from recsys.events.sources.snowplow.table import CLICKED, ITEM, PAGE, REQUEST, SHOWN, USER, WIDGET

NO_ITEM: Final = "no_item"
"The event is not about an item: a section's page, a search, a scroll."

EVENT_TYPES: Final = {"page_view": "view", "page_ping": "dwell"}
"Other events keep their name, for the site's list of interactions to take or refuse."

IS_PING: Final = pl.col(EVENT_NAME) == "page_ping"


def timed(table: pl.DataFrame) -> pl.DataFrame:
    """The table with ``timestamp``: when it happened by the device's clock, corrected by Snowplow; null where unknown.

    Nothing happens after it was collected: such a time is the collector's.
    """
    derived, collected = (_moment(column) for column in (DERIVED, COLLECTED))
    return table.with_columns(pl.min_horizontal(derived, collected).cast(TIME).alias(c.TIMESTAMP))


def _moment(column: str) -> pl.Expr:
    plain = pl.col(column).str.replace("T", " ", literal=True).str.strip_suffix("Z")
    return plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False).dt.replace_time_zone("UTC")


def pings(timed_table: pl.DataFrame, filing: Filing) -> pl.DataFrame:
    """The pings (columns PINGS) that count for a visit: those of a user, about an item, at a time that can be."""
    return timed_table.filter(_counts(filing)).select(PINGS)


def _counts(filing: Filing) -> pl.Expr:
    in_time = pl.col(c.TIMESTAMP).is_between(filing.start - filing.late, filing.end, closed="left")
    return IS_PING & in_time & pl.col(USER).is_not_null() & pl.col(ITEM).is_not_null() & pl.col(c.REASON).is_null()


def told(timed_table: pl.DataFrame, visits: pl.DataFrame, filing: Filing, params: SnowplowParams) -> pl.DataFrame:
    """One row (schema RAW) per row of the table, in its order.

    Args:
        timed_table: schema TABLE and timestamp.
        visits: what ``dwell`` made of all pings of the hour; every ping of a visit becomes the same row.
        filing: of the hour.
        params: of the site.
    """
    seen, clicked = (pl.col(WIDGET).eq_missing(pl.lit(step)) for step in (params.widget.seen, params.widget.click))
    page = ~seen & ~clicked
    visit = pl.when(_counts(filing)).then(pl.col(DWELL))
    of_page = pl.col(EVENT_NAME).is_in(list(EVENT_TYPES)).fill_null(False)
    unnamed = of_page & pl.col(PAGE).is_null() & pl.lit(params.item in COLUMNS)
    no_item = page & pl.col(ITEM).is_null() & ~unnamed
    known = timed_table.join(visits, on=VISIT, how="left", nulls_equal=True, maintain_order="left")
    rows = known.select(
        pl.coalesce(visit.struct.field(c.EVENT_ID), pl.col(EVENT_ID)).alias(c.EVENT_ID),
        pl.col(USER).alias(c.USER_ID),
        pl.when(page).then(pl.col(ITEM)).when(clicked).then(pl.col(CLICKED)).alias(c.ITEM_ID),
        pl.when(page)
        .then(pl.col(EVENT_NAME).replace(EVENT_TYPES))
        .when(clicked)
        .then(pl.lit("click"))
        .alias(c.EVENT_TYPE),
        pl.coalesce(visit.struct.field(c.TIMESTAMP), pl.col(c.TIMESTAMP)).alias(c.TIMESTAMP),
        visit.struct.field(c.VALUE).alias(c.VALUE),
        pl.when(visit.is_null()).then(pl.col(SESSION)).otherwise(visit.struct.field(c.SESSION_ID)).alias(c.SESSION_ID),
        pl.when(~page).then(pl.col(REQUEST)).alias(c.REQUEST_ID),
        pl.when(seen).then(pl.col(SHOWN)).alias(c.ITEMS),
        c.SOURCE_FILE,
        c.SOURCE_LINE,
        pl.coalesce(pl.col(c.REASON), pl.when(no_item).then(pl.lit(NO_ITEM))).alias(c.REASON),
    )
    return filled(rows, RAW)
