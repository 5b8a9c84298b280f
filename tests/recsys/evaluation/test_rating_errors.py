import polars as pl
import pytest

from recsys.errors import DataError
from recsys.evaluation.rating_errors import RatingErrors, rating_errors


def test_root_mean_square_and_mean_absolute_error():
    assert rating_errors(pl.Series([4.0, 1.0]), pl.Series([1.0, 1.0])) == RatingErrors(
        rmse=4.5**0.5, mae=1.5, ratings=2
    )


@pytest.mark.parametrize("predicted", [[], [1.0], [1.0, None], [1.0, float("nan")]])
def test_every_rating_has_a_prediction(predicted):
    with pytest.raises(DataError, match="predict"):
        rating_errors(pl.Series(predicted, dtype=pl.Float64), pl.Series([1.0, 2.0]))
