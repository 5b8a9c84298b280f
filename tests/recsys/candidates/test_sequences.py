"""Sequences: cut, picked, asked with."""

import numpy as np

from recsys.candidates.sequences import Sequences


def made(*lists: str) -> Sequences:
    return Sequences.of_lists([list(items) for items in lists])


def as_text(sequences: Sequences) -> list[str]:
    parts = np.split(sequences.columns, sequences.starts[1:-1])
    return ["".join(sequences.items.gather(part)) for part in parts]


def test_lists_come_back_as_they_were():
    assert as_text(made("ca", "", "b")) == ["ca", "", "b"]


def test_unknown_items_are_skipped():
    known = made("abc").items
    assert as_text(Sequences.of_lists([list("xaxb"), list("x"), []], items=known)) == ["ab", "", ""]


def test_parts_of_sequences():
    whole = made("abc", "", "de")
    assert as_text(whole.without_last()) == ["ab", "", "d"]
    assert as_text(whole.between(1, 3)) == ["", "de"]
    assert as_text(whole.picked(np.array([2, -1, 0]))) == ["de", "", "abc"]
    assert as_text(whole.heads(np.array([0, 0, 2]), np.array([1, 3, 0]))) == ["a", "abc", ""]
    assert whole.last().tolist() == [2, -1, 4]


def test_ends_fall_with_each_step_back_and_count_an_item_once():
    ends = made("aba", "", "b").ends(0.5)
    assert ends.toarray().tolist() == [[1.0, 0.5], [0.0, 0.0], [0.0, 1.0]]
    assert made("abc").ends(0.5, at_most=1).toarray().tolist() == [[0.0, 0.0, 1.0]]
