import threading
from collections.abc import Generator

import pytest

from recsys.events.ahead import ahead


def test_the_same_parts_in_the_same_order():
    assert list(ahead(number for number in range(5))) == [0, 1, 2, 3, 4]
    assert list(ahead(number for number in ())) == []


def test_the_next_part_is_made_while_one_is_used():
    made = threading.Event()

    def parts() -> Generator[int, None, None]:
        yield 1
        made.set()
        yield 2

    coming = ahead(parts())
    assert next(coming) == 1
    assert made.wait(60)
    assert list(coming) == [2]


def test_an_error_comes_after_the_parts_before_it():
    def parts() -> Generator[int, None, None]:
        yield 1
        raise ValueError("broken")

    coming = ahead(parts())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="broken"):
        next(coming)


def test_who_stops_early_closes_the_parts_and_leaves_no_thread():
    closed = []

    def parts() -> Generator[int, None, None]:
        try:
            yield from range(100)
        finally:
            closed.append(True)

    coming = ahead(parts())
    assert next(coming) == 0
    coming.close()
    assert closed == [True]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
