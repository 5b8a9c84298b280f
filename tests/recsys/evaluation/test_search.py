import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.evaluation.search import Trial, best, grid, hopeless, planned, range_values, round_of, suggest

SPACE = {"reg": (1.0, 2.0, 3.0, 4.0), "depth": (2, 4), "rate": (0.1, 0.2, 0.3)}


def test_a_range_stops_below_its_end_and_floats_neither_gain_nor_lose_a_value():
    assert range_values(1, 4, 1) == (1, 2, 3)
    assert all(isinstance(value, int) for value in range_values(1, 4, 1))
    assert range_values(0.1, 0.4, 0.1) == (0.1, 0.2, 0.3)
    assert range_values(0, 1, 0.25) == (0, 0.25, 0.5, 0.75)
    assert range_values(10, 11, 5) == (10,)


@given(st.integers(-50, 50), st.integers(1, 40), st.integers(1, 9))
def test_a_range_of_whole_numbers_is_that_of_python(start, length, step):
    assert range_values(start, start + length, step) == tuple(range(start, start + length, step))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_grid_is_every_combination_of_any_number_of_parameters(count):
    space = {f"p{number}": (number, number + 0.5) for number in range(count)}
    found = grid(space)
    assert len(found) == 2**count
    assert {tuple(params.values()) for params in found} == set(itertools.product(*space.values()))


def test_the_first_trial_is_the_sites_own_parameters_and_a_grid_follows():
    count = planned(SPACE, method="grid", trials=5)
    assert count == 25
    asked = [suggest(SPACE, number, method="grid", known=[], seed=1) for number in range(count)]
    assert asked[0] == {}
    assert asked[1:] == grid(SPACE)


def quality(params: dict[str, float]) -> float:
    """Best at reg 3, depth 4, rate 0.1."""
    return -abs(params["reg"] - 3) - (params["depth"] != 4) - params["rate"]


def search(count: int, *, skip: frozenset[int] = frozenset()) -> dict[int, Trial]:
    """A search in three rounds; trials of a round are done from the last to the first."""
    done: dict[int, Trial] = {}
    for turn in range(3):
        numbers = [n for n in range(count) if round_of(n, planned=count) == turn and n not in skip]
        known = [trial for n, trial in done.items() if round_of(n, planned=count) < turn]
        for number in reversed(numbers):
            params = suggest(SPACE, number, method="tpe", known=known, seed=7)
            value = quality(params) if params else -9.0
            done[number] = Trial(number=number, params=params, values=(value,))
    return done


def test_a_search_finds_what_is_better_and_does_so_again():
    once, again = search(18), search(18)
    assert once == again
    assert best(list(once.values())).value >= -1.2
    assert {name: value in SPACE[name] for trial in once.values() for name, value in trial.params.items()} == {
        "reg": True,
        "depth": True,
        "rate": True,
    }


def test_later_rounds_learn_from_earlier_ones():
    done = search(24)
    first = [trial.value for n, trial in done.items() if 0 < n < 8]
    last = [trial.value for n, trial in done.items() if n >= 16]
    assert sum(last) / len(last) > sum(first) / len(first)


def test_a_trial_is_given_up_when_it_is_worse_than_the_median_of_earlier_rounds():
    known = [Trial(number=n, params={}, values=(float(n),)) for n in range(5)]
    assert hopeless(1.9, known)
    assert not hopeless(2.0, known)
    assert not hopeless(0.0, known[:4])


def test_the_sites_own_parameters_win_ties_and_pruned_trials_never_win():
    own = Trial(number=0, params={}, values=(0.5, 0.5))
    same = Trial(number=1, params={"reg": 1.0}, values=(0.5, 0.5))
    pruned = Trial(number=2, params={"reg": 2.0}, values=(0.9,), pruned=True)
    assert best([same, pruned, own]) == own
