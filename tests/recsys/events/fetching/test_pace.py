"""The pace, by a clock that moves only while everybody waits, and by hand."""

import asyncio
import selectors

import pytest

from recsys.events.fetching.pace import Pace


class Clock(selectors.DefaultSelector):
    """Waiting takes no time; it moves the clock."""

    now = 1000.0

    def select(self, timeout=None):
        self.now += timeout or 0.0
        return super().select(0)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run(clock):
    loop = asyncio.SelectorEventLoop(clock)
    loop.time = lambda: clock.now
    yield loop.run_until_complete
    loop.close()


async def turns(pace: Pace, clock: Clock, count: int) -> list[float]:
    """The moments of so many turns, one after the other."""
    moments = []
    for _ in range(count):
        await pace.turn()
        moments.append(clock.now - 1000.0)
    return moments


def test_turns_are_a_step_apart_from_the_first_on(run, clock):
    assert run(turns(Pace(4.0), clock, 5)) == pytest.approx([0, 0.25, 0.5, 0.75, 1.0])


def test_after_a_standstill_there_is_no_burst(run, clock):
    async def stalled():
        before = await turns(pace, clock, 2)
        clock.now += 10
        return before + await turns(pace, clock, 3)

    pace = Pace(4.0)
    assert run(stalled()) == pytest.approx([0, 0.25, 10.25, 10.5, 10.75])


def test_a_hold_is_for_who_waits_already_too(run, clock):
    async def held():
        waiting = asyncio.create_task(turns(pace, clock, 3))
        await asyncio.sleep(0.1)
        pace.hold(5.0)
        pace.hold(1.0)
        return await waiting

    pace = Pace(4.0)
    assert run(held()) == pytest.approx([0, 5.1, 5.35])
