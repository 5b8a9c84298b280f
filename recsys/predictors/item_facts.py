"""What was known of an item when something happened with it."""

import polars as pl

from recsys import columns as c


def told_before(rows: pl.DataFrame, item_updates: pl.DataFrame | None, name: str) -> pl.Series:
    """What was last told of each row's item at its timestamp or before; null where nothing was.

    Of what was told for one moment, the greatest: of texts the last by their code points.

    Args:
        rows: item_id and timestamp, in the order of the latter.
        item_updates: schema ITEM_UPDATES; None: nothing is known of items.
        name: category or price.
    """
    if item_updates is None:
        kind = pl.Float64() if name == c.PRICE else pl.String()
        return pl.repeat(None, rows.height, dtype=kind, eager=True).alias(name)
    updates = item_updates.select(c.ITEM_ID, c.TIMESTAMP, name).drop_nulls().sort(c.TIMESTAMP, name)
    asked = rows.select(c.ITEM_ID, c.TIMESTAMP)
    joined = asked.join_asof(updates, on=c.TIMESTAMP, by=c.ITEM_ID, strategy="backward", check_sortedness=False)
    return joined[name]
