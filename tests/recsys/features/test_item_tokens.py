"""What is told of items, as tokens."""

import polars as pl
import pytest

from recsys import columns as c
from recsys.errors import SchemaError
from recsys.features.item_tokens import TOKEN, item_tokens


def tokens(**columns: list) -> list[str]:
    height = len(next(iter(columns.values())))
    items = pl.DataFrame({c.ITEM_ID: [f"i{n}" for n in range(height)], **columns})
    return [f"{item} {token}" for item, token in item_tokens(items).select(c.ITEM_ID, TOKEN).iter_rows()]


def test_words_of_texts_and_values_of_others():
    assert tokens(title=["Red  red shoe, a", None], brand=["ACME inc", None]) == [
        "i0 brand=ACME inc",
        "i0 title=red",
        "i0 title=shoe",
    ]


def test_lists_and_attributes_give_their_elements():
    assert tokens(tags=[[1, 2], []]) == ["i0 tags=1", "i0 tags=2"]
    assert tokens(attributes=['{"size": ["s", "m"], "sole": 3}', None]) == [
        "i0 attributes=size=m",
        "i0 attributes=size=s",
        "i0 attributes=sole=3",
    ]


def test_fractions_give_the_tenth_they_lie_in():
    assert len({token.split()[1] for token in tokens(price=[float(n) for n in range(100)])}) == 10
    assert tokens(price=[float("nan"), None]) == []


def test_items_need_an_id():
    with pytest.raises(SchemaError, match="item_id"):
        item_tokens(pl.DataFrame({"sku": ["a"]}))
