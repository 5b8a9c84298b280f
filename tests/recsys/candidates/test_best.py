import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from recsys.candidates.best import best_columns

LEVELS = st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 0.5, 2.0])


@given(arrays.arrays(np.float32, (4, 7), elements=LEVELS), st.integers(1, 9))
def test_it_is_a_stable_sort_cut_at_k_without_what_is_forbidden(scores, k):
    expected = [
        (row, column)
        for row in range(len(scores))
        for column in np.argsort(-scores[row], kind="stable")[:k]
        if np.isfinite(scores[row, column])
    ]
    assert list(zip(*best_columns(scores, k), strict=True)) == expected


def test_nothing_to_choose_from():
    for shape in ((0, 5), (5, 0)):
        rows, columns = best_columns(np.zeros(shape, np.float32), 3)
        assert len(rows) == len(columns) == 0
