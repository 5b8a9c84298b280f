"""Users of an experiment, simulated: who comes when, sees which arm, and clicks on what.

Some come a hundred times as often as others and click ten times as readily; few come at night; what stands lower is
looked at less. The truth is known: each arm's chance of a click, relative to the control's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from recsys.evaluation.experiments.moments import Floats, Ints
from recsys.types import Frozen

HOURS: Final = 24


class World(Frozen):
    """How the simulated users are."""

    users: int = 3000
    "Of one experiment."
    days: int = 14
    visits: float = 6.0
    "Of a user, mean; one slate is shown at each."
    spread: float = 1.0
    "Standard deviation of the logarithm of a user's visits."
    click: float = 0.06
    "Chance of a click on an item that is looked at, median over users."
    taste: float = 0.8
    "Standard deviation of its logarithm over users."
    positions: int = 8
    night: float = 0.1
    "Traffic at night, relative to the day's."

    @property
    def looks(self) -> int:
        return self.days * HOURS

    @property
    def examination(self) -> Floats:
        """Chance that a position is looked at."""
        chances: Floats = np.arange(1.0, self.positions + 1) ** -0.7
        return chances


@dataclass(frozen=True)
class Visits:
    """One row per visit; rows of a user stand together, in order of time."""

    user: Ints
    arm: Ints
    "0 is the control; over several experiments: experiment × 2 + arm."
    look: Ints
    "Hour since the start."
    clicks: Floats
    shown: Floats
    before: Floats
    "What the user clicked in as many days before the experiment."
    place: Floats
    "Where the user stands in the order in which users are let in: from 0 to 1."


def simulate(
    world: World,
    lifts: Sequence[float],
    *,
    rng: np.random.Generator,
) -> Visits:
    """One experiment for each lift, each with users of its own, half of them in either arm, who all take part at once.

    Args:
        world: how users are.
        lifts: how much readier the challenger's users click, as fractions.
        rng: draws everything.
    """
    people = world.users * len(lifts)
    often = rng.lognormal(-(world.spread**2) / 2, world.spread, people) * world.visits
    ready = world.click * rng.lognormal(0.0, world.taste, people)
    count = rng.poisson(often)
    user = np.repeat(np.arange(people), count)
    look = _hours(world, len(user), rng)
    order = np.argsort(user * world.looks + look, kind="stable")
    look = look[order]
    arm_of = rng.integers(0, 2, people)
    group_of = np.arange(people) // world.users * 2 + arm_of
    true_lift = np.repeat(np.asarray(lifts, np.float64), world.users) * arm_of
    chance = (ready * (1 + true_lift))[user]
    clicks = _clicks(np.minimum(chance, 1.0), world.examination, rng)
    before = rng.poisson(often * np.minimum(ready, 1.0) * world.examination.sum()).astype(np.float64)
    shown, place = np.full(len(user), float(world.positions)), rng.random(people)
    return Visits(user, group_of[user], look, clicks, shown, before[user], place[user])


def let_in(visits: Visits, ramp: Sequence[float], starts: Floats) -> Visits:
    """The visits of those who take part by then.

    Args:
        visits: of all users.
        ramp: share of the users who get the challenger, step by step, at most 0.5.
        starts: hour at which each step begins, shape (experiments, steps); infinity: never.
    """
    step = np.searchsorted(2 * np.asarray(ramp), visits.place, side="right")
    begins = np.column_stack([starts, np.full(len(starts), np.inf)])
    kept = visits.look >= begins[visits.arm // 2, step]
    return Visits(*(getattr(visits, name)[kept] for name in visits.__dataclass_fields__))


def _hours(world: World, count: int, rng: np.random.Generator) -> Ints:
    """When visits happen: more by day than by night."""
    hour = np.arange(world.looks) % HOURS
    traffic = world.night + (1 - world.night) * np.maximum(0.0, np.sin((hour - 6) / 18 * np.pi)) * (hour >= 6)
    reached = np.cumsum(traffic) / traffic.sum()
    return np.minimum(np.searchsorted(reached, rng.random(count), side="right"), world.looks - 1)


def _clicks(chance: Floats, examination: Floats, rng: np.random.Generator) -> Floats:
    """Clicks of each slate, drawn position by position."""
    clicks = np.zeros(len(chance))
    for looked_at in examination:
        clicks += rng.random(len(chance), dtype=np.float32) < chance * looked_at
    return clicks
