"""Sparse rows: entries, values, sums; and what items of a session count."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from recsys.serving.continuing.rows import SPARSE, Rows, summed
from recsys.serving.continuing.weights import weights_of

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 8)), max_size=30)


@given(PAIRS)
def test_sums_are_the_same_for_few_columns_and_for_many(pairs: list[tuple[int, int]]):
    columns = np.array([column for column, _ in pairs], dtype=np.int32)
    values = np.array([value / 4 for _, value in pairs])
    dense, sparse = (summed(columns, values, width) for width in (10, 10 + SPARSE * len(pairs)))
    assert dense[0].tolist() == sparse[0].tolist() == sorted({column for column, value in pairs if value})
    assert dense[1].tolist() == sparse[1].tolist()


@given(PAIRS, st.lists(st.integers(0, 9), max_size=5))
def test_rows_are_those_of_the_table(pairs: list[tuple[int, int]], asked: list[int]):
    table = np.zeros((10, 10), dtype=np.float32)
    for number, (row, column) in enumerate(pairs, start=1):
        table[row, column] = number
    rows = Rows.of_sparse(sp.csr_matrix(table))
    at, whose = rows.entries(np.array(asked, dtype=np.int64))
    again = np.zeros((len(asked), 10), dtype=np.float32)
    again[whose, rows.columns[at]] = rows.values[at]
    assert (again == table[asked]).all()
    assert all((rows.values_at(row, np.arange(10)) == table[row]).all() for row in asked)


def test_an_item_counts_as_it_came_last():
    columns, weights = weights_of(np.array([4, 2, 4, 7]), 0.5)
    assert columns.tolist() == [7, 4, 2]
    assert weights == pytest.approx([1.0, 0.5, 0.25])
    assert weights_of(np.array([4, 2]), 0.0)[0].tolist() == [2]
