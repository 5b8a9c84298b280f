"""A site's own impressions as a model of click probability sees them."""

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.predictors.ctr.training import columns_of
from recsys.predictors.seen import SeenRows
from recsys.serving.predicting.clicks import ClickProbability


def seen_impressions(model: ClickProbability, rows: pl.DataFrame, label: str) -> SeenRows:
    """Rows as ``impression_rows`` gives them, at least one, and what the model says of each."""
    table = model.encoder.table(columns_of(rows, model.reader))
    return SeenRows(
        names=model.scorer.features,
        table=table,
        said=model.scorer.predict(table),
        labels=rows[label].to_numpy().astype(np.bool_),
        users=np.unique(rows[c.USER_ID].to_numpy(), return_inverse=True)[1],
        days=rows[c.TIMESTAMP].dt.epoch("d").to_numpy().astype(np.int64),
    )
