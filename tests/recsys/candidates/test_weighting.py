from datetime import timedelta

import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates.weighting import weighted
from recsys.errors import DataError
from recsys.sites.config import InteractionType
from recsys.testing.checkerboard import START, events

TYPES = (InteractionType(name="view", weight=0.1), InteractionType(name="purchase", weight=5.0))
LOG = events([("u", "a", START), ("u", "b", START + timedelta(days=7)), ("u", "c", START + timedelta(days=14))]).drop(
    c.WEIGHT
)
AS_OF = START + timedelta(days=14)


def test_a_view_of_a_tenth_stays_a_tenth():
    known = weighted(LOG.with_columns(pl.Series(c.EVENT_TYPE, ["view", "purchase", "view"])), TYPES, as_of=AS_OF)
    assert known.schema[c.WEIGHT] == pl.Float32
    assert known[c.WEIGHT].round(6).to_list() == pytest.approx([0.1, 5.0])


def test_what_happens_at_as_of_is_not_known():
    assert weighted(LOG, TYPES, as_of=AS_OF)[c.ITEM_ID].to_list() == ["a", "b"]


def test_age_halves():
    known = weighted(LOG, TYPES, as_of=AS_OF, half_life_days=7.0)
    assert known[c.WEIGHT].to_list() == pytest.approx([0.025, 0.05])


def test_refuses_an_event_type_without_a_weight():
    with pytest.raises(DataError, match=r"\['share'\].*\['view', 'purchase'\]"):
        weighted(LOG.with_columns(pl.lit("share").alias(c.EVENT_TYPE)), TYPES, as_of=AS_OF)
