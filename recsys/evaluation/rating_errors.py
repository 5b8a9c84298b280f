"""How far predicted ratings lie from given ones; only pairs that were really rated count."""

import numpy as np
import polars as pl

from recsys.errors import DataError
from recsys.types import Frozen


class RatingErrors(Frozen):
    """In stars, or whatever the unit of the ratings is; 0 is perfect."""

    rmse: float
    "Root of the mean squared error."
    mae: float
    "Mean absolute error."
    ratings: int


def rating_errors(predicted: pl.Series, observed: pl.Series) -> RatingErrors:
    """Errors over the rows of both, which stand side by side.

    Raises:
        DataError: no row, another number of rows, or a prediction that is missing: leaving pairs out is no gain.
    """
    if len(predicted) != len(observed) or not len(observed):
        raise DataError(
            f"found {len(predicted)} predictions of {len(observed)} ratings, expected one for each, at least 1"
        )
    error = predicted.cast(pl.Float64).to_numpy() - observed.cast(pl.Float64).to_numpy()
    missing = int((~np.isfinite(error)).sum())
    if missing:
        raise DataError(
            f"found {missing} pairs without a prediction or rating, expected none; predict something for each"
        )
    return RatingErrors(rmse=float(np.sqrt(np.mean(error**2))), mae=float(np.abs(error).mean()), ratings=len(error))
