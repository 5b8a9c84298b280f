"""What MIND publishes of its news: title, abstract, category, and what else."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import polars as pl

from recsys import columns as c
from recsys.events.files import RawFile
from recsys.events.lines import TextForm
from recsys.events.raw import RawBatch
from recsys.events.schema import ITEM_UPDATES, TIME, filled
from recsys.events.sources.attributes import as_attributes, json_in
from recsys.events.sources.unfiled import read_catalogue

NEWS: Final = "news"
SECTION: Final = "section"
SUBCATEGORY: Final = "subcategory"
HEADLINE: Final = "headline"
ABSTRACT: Final = "abstract"
URL: Final = "url"
TITLE_ENTITIES: Final = "title_entities"
ABSTRACT_ENTITIES: Final = "abstract_entities"
FORM: Final = TextForm(
    names=(NEWS, SECTION, SUBCATEGORY, HEADLINE, ABSTRACT, URL, TITLE_ENTITIES, ABSTRACT_ENTITIES),
    delimiter="\t",
    quoted=False,
)
"The file has no header; the first column is the id, the second the category, the fourth the title."


def read_news(file: RawFile, known_from: datetime, *, wanted: bool) -> Iterator[RawBatch]:
    """The news as item updates of ``known_from``, where they are ``wanted``; lines without an id, always.

    ``attributes`` has subcategory, url and the entities of title and abstract, as far as they are there; entities that
    are no JSON are left out.
    """
    return read_catalogue(file, FORM, NEWS, lambda news: _updates(news, known_from), wanted=wanted)


def _updates(news: pl.DataFrame, known_from: datetime) -> pl.DataFrame:
    attributes = [_attributes(row) for row in news.iter_rows(named=True)]
    return filled(
        news.select(
            pl.col(NEWS).alias(c.ITEM_ID),
            pl.lit(known_from, TIME).alias(c.TIMESTAMP),
            pl.col(HEADLINE).alias(c.TITLE),
            pl.col(ABSTRACT).alias(c.TEXT),
            pl.col(SECTION).alias(c.CATEGORY),
            pl.lit("en").alias(c.LANGUAGE),
            pl.Series(c.ATTRIBUTES, attributes, dtype=pl.String),
        ),
        ITEM_UPDATES,
    )


def _attributes(news: dict[str, Any]) -> str | None:
    said = {SUBCATEGORY: news[SUBCATEGORY], URL: news[URL]}
    return as_attributes(said | {name: json_in(news[name]) for name in (TITLE_ENTITIES, ABSTRACT_ENTITIES)})
