"""Who is there on which day: a fixed number of places, each taken by one tenant after the other."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsys.events.simulator.keyed import Bools, Ints, Keyed


@dataclass(frozen=True)
class Tenancy:
    """Places for users or items. A place has its own length of stay; a stay ends, and the next tenant moves in.

    So on every day exactly ``places`` tenants are there, and about one in a few hundred places changes hands.
    """

    dice: Keyed
    name: str
    places: int
    shortest: int
    "Days of the shortest stay."
    longest: int
    "Days of the longest stay; lengths are log-uniform between the two."

    def present(self, day: int) -> Ints:
        """The tenants of ``day``, one per place, as numbers that no other tenant ever had."""
        stay, phase = self._rhythm
        return (day + phase) // stay * self.places + np.arange(self.places)

    def since(self, tenant: Ints) -> Ints:
        """The day on which each tenant came; below 0 for the first ones."""
        generation, place = np.divmod(tenant, self.places)
        stay, phase = self._rhythm
        return generation * stay[place] - phase[place]

    def is_present(self, tenant: Ints, day: int) -> Bools:
        """Whether each tenant is there on ``day``."""
        generation, place = np.divmod(tenant, self.places)
        stay, phase = self._rhythm
        present: Bools = (day + phase[place]) // stay[place] == generation
        return present

    @cached_property
    def _rhythm(self) -> tuple[Ints, Ints]:
        """Length of stay in each place, and by how many days its changes are shifted."""
        place = np.arange(self.places)
        share = self.dice.uniform(f"{self.name}.stay", place)
        stay = (self.shortest * (self.longest / self.shortest) ** share).astype(np.int64)
        phase = 1 + (stay * self.dice.uniform(f"{self.name}.phase", place)).astype(np.int64)
        return stay, phase
