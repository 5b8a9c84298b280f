"""Memory of answers does not grow with how many are asked about."""

import tracemalloc

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates import best
from recsys.candidates.pool import no_pairs
from recsys.candidates.registry import KINDS
from recsys.testing import checkerboard as board

SIDE = 2000
"""Users, and items."""
ALL_SCORES = SIDE * SIDE * 4
"""Bytes of the scores of everybody for everything: 16 MB."""


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    """Four events of every user, and a rating in each."""
    numbers = np.arange(4 * SIDE)
    users, items = numbers % SIDE, (numbers * 7 + numbers // SIDE) % SIDE
    rows = [(f"u{user:04}", f"i{item:04}", board.START) for user, item in zip(users, items, strict=True)]
    return board.events(rows).with_columns(pl.Series(c.VALUE, (numbers % 5).astype(float)))


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_made_for_some_users_at_a_time(kind: str, log: pl.DataFrame, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(best, "BLOCK_CELLS", 50 * SIDE)
    params, make = KINDS[kind]
    small = {
        name: value
        for name, value in {"epochs": 1, "threads": 2, "embedding_size": 16}.items()
        if name in params.model_fields
    }
    generator = make(params(**small)).fit(log, items=board.catalogue(log), rng=np.random.default_rng(1))
    users = log[c.USER_ID].unique().sort().to_list()
    tracemalloc.start()
    answers = generator.generate(users, k=5, exclude=no_pairs())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answers.height > SIDE
    assert peak < ALL_SCORES / 2
