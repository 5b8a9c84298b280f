"""MovieLens as published since 2014 (latest, 20M, 25M, 32M): ``ratings.csv``, ``movies.csv`` and ``tags.csv``.

A rating is an interaction ``rating`` whose value is the number of stars, a tag is an interaction ``tag``. Nobody says
since when a film is in the catalogue: it is taken as known from the UTC day of its first rating or tag, one without any
from the first day of the log. Category is the first genre; all genres are among the attributes.

Source: F. M. Harper and J. A. Konstan, The MovieLens Datasets, ACM TiiS 5(4), 2015.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.filed import FiledPath
from recsys.events.lines import TextForm, read_lines
from recsys.events.raw import RAW, Filing, RawBatch
from recsys.events.schema import ITEM_UPDATES, filled
from recsys.events.sources.mapping import EventColumns, Told, as_published, events
from recsys.events.sources.source import Surroundings
from recsys.events.sources.tables import Table, TableSource
from recsys.events.times import TimeForm
from recsys.types import Frozen

USER: Final = "userId"
MOVIE: Final = "movieId"
TAG: Final = "tag"
FILM: Final = "title"
GENRES: Final = "genres"
RATING: Final = "rating"
SECONDS: Final = "timestamp"
RATINGS: Final = (USER, MOVIE, RATING, SECONDS)
TAGS: Final = (USER, MOVIE, TAG, SECONDS)
MOVIES: Final = (MOVIE, FILM, GENRES)
NO_GENRES: Final = "(no genres listed)"

NO_MOVIE: Final = "missing_movie"


class MovieLensParams(Frozen):
    """Where the files lie."""

    path: str
    "Folder of the published files, local or s3://bucket/prefix."
    tags: bool = True
    "False: tags.csv is left alone."


class MovieLens(TableSource):
    """Stars and tags that people gave to films. The files hold many years; they are read as a whole, in batches."""

    def __init__(self, params: MovieLensParams, surroundings: Surroundings) -> None:
        def table(name: str, header: tuple[str, ...], columns: EventColumns) -> Table:
            path = FiledPath(f"{folder}/{name}", surroundings.settings)
            form = TextForm((header,), pattern=surroundings.quality.line_pattern)
            return Table(path, partial(read_lines, form=form), partial(events, columns, TimeForm(unit="s")))

        folder = params.path.rstrip("/")
        common = {"user_id": Told(column=USER), "item_id": Told(column=MOVIE), "timestamp": SECONDS}
        stars = EventColumns(**common, event_type=Told(constant="rating"), value=Told(column=RATING))
        words = EventColumns(**common, event_type=Told(constant="tag"), distinct_by=(TAG,))
        tables = [table("ratings.csv", RATINGS, stars), *([table("tags.csv", TAGS, words)] if params.tags else [])]
        super().__init__(folder, tables, surroundings.quality)
        self._movies = FiledPath(f"{folder}/movies.csv", surroundings.settings)

    def read(self, start: datetime, end: datetime) -> Iterator[RawBatch]:
        seen = [pl.DataFrame(schema={c.ITEM_ID: RAW[c.ITEM_ID], c.TIMESTAMP: RAW[c.TIMESTAMP]})]
        for batch in super().read(start, end):
            sane = pl.col(c.TIMESTAMP).is_between(self._earliest, self._latest, closed="left")
            seen.append(batch.rows.filter(sane).group_by(c.ITEM_ID).agg(pl.col(c.TIMESTAMP).min()))
            yield batch
        since = pl.concat(seen).group_by(c.ITEM_ID).agg(pl.col(c.TIMESTAMP).min().dt.truncate("1d"))
        movies = Table(self._movies, partial(read_lines, form=TextForm((MOVIES,))), partial(_movies, since))
        yield from movies.batches(start, end)


def _movies(since: pl.DataFrame, lines: pl.DataFrame, filing: Filing | None) -> RawBatch:
    """The films as item updates, each at the time from which on it is known (item_id, timestamp)."""
    genres = pl.when(pl.col(GENRES) != NO_GENRES).then(pl.col(GENRES).str.split("|"))
    told = lines.select(
        pl.col(MOVIE).alias(c.ITEM_ID),
        pl.col(FILM).alias(c.TITLE),
        genres.list.first().alias(c.CATEGORY),
        pl.struct(genres.alias(GENRES)).struct.json_encode().alias(c.ATTRIBUTES),
    ).join(since, on=c.ITEM_ID, how="left", maintain_order="left")
    known = told.with_columns(pl.col(c.TIMESTAMP).fill_null(since[c.TIMESTAMP].min()))
    nameless = lines[MOVIE].is_null()
    bad = lines.filter(nameless)
    rows = bad.select(c.SOURCE_FILE, c.SOURCE_LINE, pl.lit(NO_MOVIE).alias(c.REASON))
    return RawBatch(filled(rows, RAW), as_published(bad), filled(known.filter(~nameless), ITEM_UPDATES), filing=filing)
