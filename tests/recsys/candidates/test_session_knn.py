"""Who is a neighbour, and what it says."""

import numpy as np
import pytest

from recsys.candidates.sequences import Sequences
from recsys.candidates.session_knn import Likeness, Neighbours


def scores(past: list[str], query: str, **params: float) -> dict[str, float]:
    sequences = Sequences.of_lists([list(items) for items in past])
    neighbours = Neighbours.of(sequences, Likeness.model_validate(params))
    asked = Sequences.of_lists([list(query)], items=sequences.items).ends(0.5)
    found = neighbours.scores(asked).toarray()[0]
    return {item: float(score) for item, score in zip(sequences.items, found, strict=True) if score}


def test_the_score_is_the_formula():
    past = ["ab", "acd", "x"]
    idf = np.log(4 / 3) + 1 / 4
    found = scores(past, "a")
    assert found["b"] == pytest.approx(idf / np.sqrt(2), rel=1e-6)
    assert found["c"] == found["d"] == pytest.approx(idf / np.sqrt(3), rel=1e-6)
    assert "x" not in found


def test_the_last_item_says_most():
    found = scores(["ab", "cd"], "ac")
    assert found["d"] == pytest.approx(2 * found["b"], rel=1e-6)


def test_only_the_nearest_are_neighbours_and_of_equals_the_newest():
    assert set(scores(["ab", "ac", "ad"], "a", neighbours=1)) == {"a", "d"}
    assert set(scores(["ab", "acz"], "a", neighbours=1)) == {"a", "b"}


def test_only_the_newest_sequences_of_an_item_are_looked_at():
    assert set(scores(["ab", "acz", "adyx"], "a", recent_sequences=2)) == set("aczdyx")
