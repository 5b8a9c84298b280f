"""What Coveo publishes of its products: category, price bucket, vectors of text and picture."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import polars as pl

from recsys import columns as c
from recsys.events.files import RawFile
from recsys.events.lines import TextForm
from recsys.events.raw import RawBatch
from recsys.events.schema import ITEM_UPDATES, TIME, filled
from recsys.events.sources.attributes import CATEGORY_PATH, as_attributes, json_in
from recsys.events.sources.unfiled import read_catalogue

SKU: Final = "product_sku_hash"
DESCRIPTION: Final = "description_vector"
CATEGORIES: Final = "category_hash"
"From the root down, separated by /."
IMAGE: Final = "image_vector"
PRICE_BUCKET: Final = "price_bucket"
"Which tenth of all prices, 1 to 10; not a price."
FORM: Final = TextForm(forms=((SKU, DESCRIPTION, CATEGORIES, IMAGE, PRICE_BUCKET),))


def read_content(file: RawFile, known_from: datetime, *, wanted: bool) -> Iterator[RawBatch]:
    """The products as item updates of ``known_from``, where they are ``wanted``; lines without an id, always.

    Category is the innermost one; ``attributes`` has category_path (from it to the root), price_bucket and the two
    vectors, as far as they are there.
    """
    return read_catalogue(file, FORM, SKU, lambda content: _updates(content, known_from), wanted=wanted)


def _updates(content: pl.DataFrame, known_from: datetime) -> pl.DataFrame:
    attributes = [_attributes(row) for row in content.iter_rows(named=True)]
    return filled(
        content.select(
            pl.col(SKU).alias(c.ITEM_ID),
            pl.lit(known_from, TIME).alias(c.TIMESTAMP),
            pl.col(CATEGORIES).str.split("/").list.last().alias(c.CATEGORY),
            pl.Series(c.ATTRIBUTES, attributes, dtype=pl.String),
        ),
        ITEM_UPDATES,
    )


def _attributes(product: dict[str, Any]) -> str | None:
    path = [each for each in (product[CATEGORIES] or "").split("/")[::-1] if each]
    said = {name: json_in(product[name]) for name in (PRICE_BUCKET, DESCRIPTION, IMAGE)}
    return as_attributes({CATEGORY_PATH: path, **said})
