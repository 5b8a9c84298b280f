"""Trees over candidates find what tells which of them came next, and stop where nothing does."""

import numpy as np

from recsys.candidates.next_item_trees import next_item_trees

LESSONS, CANDIDATES = 400, 5
GROWN = {"iterations": 60, "learning_rate": 0.2, "depth": 3, "seed": 7, "threads": 2}


def lessons(*, telling: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of two features and who came next: the candidate with the largest second one, or any."""
    rng = np.random.default_rng(1)
    rows = rng.random((LESSONS, CANDIDATES, 2)).astype(np.float32)
    came = rows[:, :, 1].argmax(axis=1) if telling else rng.integers(0, CANDIDATES, LESSONS)
    labels = np.arange(CANDIDATES) == came[:, None]
    return rows.reshape(-1, 2), labels.ravel(), np.full(LESSONS, CANDIDATES)


def test_what_tells_who_came_next_is_found():
    rows, labels, sizes = lessons(telling=True)
    scores = next_item_trees(rows, labels, sizes, **GROWN).predict(rows)
    assert scores[labels].mean() > scores[~labels].mean() + 1
    right = scores.reshape(-1, CANDIDATES).argmax(axis=1) == labels.reshape(-1, CANDIDATES).argmax(axis=1)
    assert right.mean() > 0.8


def test_lessons_held_back_stop_them_where_there_is_nothing_to_find():
    assert next_item_trees(*lessons(telling=False), **GROWN).tree_count_ < GROWN["iterations"] / 2


def test_the_same_lessons_give_the_same_trees():
    rows, labels, sizes = lessons(telling=True)
    one, other = (next_item_trees(rows, labels, sizes, **GROWN).predict(rows) for _ in range(2))
    assert one.tolist() == other.tolist()
