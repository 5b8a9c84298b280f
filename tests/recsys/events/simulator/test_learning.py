"""A shop from which nothing can be learned would test nothing: taste must show in the log."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from recsys import columns as c

K = 20
WEEK_AFTER = date(2025, 7, 14)


class Board:
    """Six weeks as a table of users × items, and what the same users touched in the week after."""

    def __init__(self, log: pl.DataFrame, later: pl.DataFrame) -> None:
        self.users = sorted(set(log[c.USER_ID]) & set(later[c.USER_ID]))
        self.items = sorted(set(log[c.ITEM_ID]))
        self.touched = self._table(log)
        self.truth = self._table(later)

    def recall(self, scores: np.ndarray, *, discovery: bool) -> float:
        """Mean recall@K; ``discovery`` counts only items that the user had not touched before."""
        truth = self.truth & ~self.touched if discovery else self.truth
        scores = np.where(self.touched, -np.inf, scores) if discovery else scores
        best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        some = truth.any(axis=1)
        hits = np.take_along_axis(truth, best, axis=1).sum(axis=1)
        return float(np.mean(hits[some] / np.minimum(truth.sum(axis=1)[some], K)))

    def _table(self, events: pl.DataFrame) -> np.ndarray:
        table = np.zeros((len(self.users), len(self.items)), dtype=bool)
        known = events.filter(pl.col(c.USER_ID).is_in(self.users), pl.col(c.ITEM_ID).is_in(self.items))
        rows, columns = np.searchsorted(self.users, known[c.USER_ID]), np.searchsorted(self.items, known[c.ITEM_ID])
        table[rows, columns] = True
        return table


@pytest.mark.parametrize("discovery", [False, True])
def test_item_item_beats_popularity_and_the_oracle_beats_both(shop, log, later, discovery):
    board = Board(log, later)
    popularity = np.tile(board.touched.sum(axis=0).astype(float), (len(board.users), 1))
    unit = board.touched / np.maximum(np.linalg.norm(board.touched, axis=0), 1.0)
    item_item = board.touched @ (unit.T @ unit)
    oracle = shop.affinity(board.users, board.items, WEEK_AFTER)
    popular, learned, best = (board.recall(scores, discovery=discovery) for scores in (popularity, item_item, oracle))
    assert popular > 0.05
    assert learned > 1.15 * popular
    assert best > 1.3 * learned


def test_slates_that_were_learned_please_more_than_popular_ones(shop, log, later):
    board = Board(log, later)
    unit = board.touched / np.maximum(np.linalg.norm(board.touched, axis=0), 1.0)
    learned = np.argsort(-(board.touched @ (unit.T @ unit)), axis=1)[:, :K]
    popular = np.tile(np.argsort(-board.touched.sum(axis=0))[:K], (len(board.users), 1))

    def gain(slates: np.ndarray) -> float:
        rows = {c.USER_ID: np.repeat(board.users, K), c.ITEM_ID: np.array(board.items)[slates.ravel()]}
        return shop.expected_gain(pl.DataFrame(rows), WEEK_AFTER)[c.SCORE].mean()

    best = shop.expected_gain(shop.best_items(board.users, WEEK_AFTER, K), WEEK_AFTER)[c.SCORE].mean()
    assert gain(popular) * 1.2 < gain(learned) < best
