"""What comes next, where it is known."""

import numpy as np
import pytest
import scipy.sparse as sp

from recsys.candidates.sequences import Sequences
from recsys.errors import NotFittedError
from recsys.ranking.next_item.content import Content
from recsys.ranking.next_item.model import NextItem, NextItemParams
from recsys.ranking.next_item.teaching import lessons

SMALL = NextItemParams(iterations=40, lessons=2000)
WORDS = "abcdefghijklmnopqrst"


def circle(start: int, length: int) -> list[str]:
    return [WORDS[(start + n) % len(WORDS)] for n in range(length)]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def best(ranker: NextItem, past: Sequences, *queries: str, k: int = 3) -> list[list[str]]:
    chosen = ranker.predict(Sequences.of_lists([list(query) for query in queries], items=past.items), k=k)
    return [past.items.gather(row[row >= 0]).to_list() for row in chosen]


def test_the_next_of_a_circle_comes_first(rng: np.random.Generator):
    past = Sequences.of_lists([circle(int(start), 4) for start in rng.integers(0, 20, 3000)])
    ranker = NextItem(SMALL).fit(past, taught="latest sequences", repeats=True, content=None, rng=rng)
    assert ranker.model is not None
    assert [items[0] for items in best(ranker, past, "abc", "t", "pq")] == ["d", "a", "r"]


def test_how_much_repeats_count_is_learned(rng: np.random.Generator):
    """Everybody goes on by one, then back to where it began: what was seen two steps ago comes again."""
    past = Sequences.of_lists([[WORDS[n], WORDS[m], WORDS[n], WORDS[m]] for n, m in rng.integers(0, 20, (3000, 2))])
    ranker = NextItem(SMALL).fit(past, taught="latest sequences", repeats=True, content=None, rng=rng)
    assert [items[0] for items in best(ranker, past, "aha", "cpc")] == ["h", "p"]


def test_without_repeats_nothing_of_the_sequence_comes(rng: np.random.Generator):
    past = Sequences.of_lists([circle(int(start), 6) for start in rng.integers(0, 20, 1000)])
    ranker = NextItem(SMALL).fit(past, taught="last items", repeats=False, content=None, rng=rng)
    assert ranker.model is not None
    (items,) = best(ranker, past, "abcd", k=20)
    assert items[0] == "e"
    assert not set(items) & set("abcd")


def test_a_long_sequence_is_known_to_its_beginning(rng: np.random.Generator):
    past = Sequences.of_lists([["z", *circle(int(start), 6)] for start in rng.integers(0, 20, 300)])
    ranker = NextItem(SMALL).fit(past, taught="last items", repeats=False, content=None, rng=rng)
    (items,) = best(ranker, past, "z" + "a" * 400 + "b", k=20)
    assert not set(items) & set("zab")


def test_a_query_of_a_batch_is_answered_as_alone(rng: np.random.Generator):
    past = Sequences.of_lists([circle(int(start), 4) for start in rng.integers(0, 20, 1000)])
    ranker = NextItem(SMALL).fit(past, taught="latest sequences", repeats=True, content=None, rng=rng)
    queries = ["abc", "", "t", "zz", "ghijk"]
    assert best(ranker, past, *queries) == [best(ranker, past, query)[0] for query in queries]


def test_too_little_to_learn_from_leaves_it_to_the_blend(rng: np.random.Generator):
    past = Sequences.of_lists([["a", "b"], ["a", "b"], ["c"]])
    ranker = NextItem(SMALL).fit(past, taught="latest sequences", repeats=True, content=None, rng=rng)
    assert ranker.model is None
    assert best(ranker, past, "a")[0][0] == "b"


def test_asked_before_fit_it_refuses():
    with pytest.raises(NotFittedError, match="fit"):
        NextItem().predict(Sequences.of_lists([["a"]]), k=3)


def test_lessons_never_know_what_they_ask(rng: np.random.Generator):
    past = Sequences.of_lists([circle(n, 3) for n in range(20)])
    last = lessons(past, "last items", at_most=100, rng=rng)
    assert last.past.lengths.tolist() == [2] * 20
    assert last.truth.tolist() == past.last().tolist()
    latest = lessons(past, "latest sequences", at_most=100, rng=rng)
    assert len(latest.past) == 18
    assert latest.queries.lengths.max() == 2


def test_what_is_told_brings_neighbours_that_never_met():
    has = sp.csr_matrix(np.array([[1, 0, 1], [1, 0, 1], [0, 1, 1]] + [[0, 0, 1]] * 27, dtype=float))
    content = Content.of(has)
    assert content.near[0].indices.tolist() == [1]
    assert content.near[2].nnz == 0
