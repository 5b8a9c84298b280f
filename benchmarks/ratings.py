"""How far the ratings of ``svd_ratings`` lie from those given: each user's last tenth is held out.

    python -m benchmarks.ratings FOLDER [--out DIR]

FOLDER holds MovieLens' ``ratings.csv`` (userId, movieId, rating, timestamp). Of each user the last tenth of the ratings
in time, rounded up, is the test; the model has every default. Prints a Markdown table with the global mean and the
biases alone beside it; ``--out`` keeps ``train.parquet`` and ``test.parquet``, to measure others on the same cut.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.svd_ratings import SvdRatings, SvdRatingsParams
from recsys.evaluation.rating_errors import rating_errors
from recsys.events.schema import TIME

SEED = 7
TENTH = 10


def read(folder: Path) -> pl.DataFrame:
    """user_id, item_id, value, timestamp, weight; sorted by user and time."""
    return (
        pl.read_csv(folder / "ratings.csv")
        .select(
            pl.col("userId").cast(pl.String).alias(c.USER_ID),
            pl.col("movieId").cast(pl.String).alias(c.ITEM_ID),
            pl.col("rating").cast(pl.Float64).alias(c.VALUE),
            pl.from_epoch("timestamp").cast(TIME).alias(c.TIMESTAMP),
            pl.lit(1.0, pl.Float32).alias(c.WEIGHT),
        )
        .sort(c.USER_ID, c.TIMESTAMP, c.ITEM_ID)
    )


def cut(ratings: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is learned from, and each user's last tenth, rounded up."""
    from_the_end = pl.int_range(pl.len(), 0, -1).over(c.USER_ID)
    late = from_the_end <= (pl.len().over(c.USER_ID) / TENTH).ceil()
    return ratings.filter(~late), ratings.filter(late)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    train, test = cut(read(options.folder))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        train.write_parquet(options.out / "train.parquet")
        test.write_parquet(options.out / "test.parquet")
    items = train.select(c.ITEM_ID).unique().sort(c.ITEM_ID).with_columns(pl.lit(True).alias(c.AVAILABLE))
    print(f"{train.height:,} ratings to learn from, {test.height:,} held out\n\n| model | RMSE | MAE | seconds |")
    print("| --- | --- | --- | --- |")
    mean = pl.Series([train[c.VALUE].mean()] * test.height)
    rows = [("mean of all ratings", mean, 0.0)]
    for name, params in (("means and biases", SvdRatingsParams(embedding_size=1, reg=1e6)), ("svd_ratings", None)):
        began = time.perf_counter()
        model = SvdRatings(params).fit(train, items=items, rng=np.random.default_rng(SEED))
        rows.append((name, model.predict(test), time.perf_counter() - began))
    for name, predicted, seconds in rows:
        errors = rating_errors(predicted, test[c.VALUE])
        print(f"| {name} | {errors.rmse:.4f} | {errors.mae:.4f} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
