"""Who is there on which day: a fixed number of places, each taken by one tenant after the other."""

from dataclasses import dataclass

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
        place = np.arange(self.places)
        stay, phase = self._rhythm(place)
        return (day + phase) // stay * self.places + place

    def since(self, tenant: Ints) -> Ints:
        """The day on which each tenant came; below 0 for the first ones."""
        generation, place = np.divmod(tenant, self.places)
        stay, phase = self._rhythm(place)
        return generation * stay - phase

    def is_present(self, tenant: Ints, day: int) -> Bools:
        """Whether each tenant is there on ``day``."""
        stay, phase = self._rhythm(tenant % self.places)
        present: Bools = (day + phase) // stay == tenant // self.places
        return present

    def _rhythm(self, place: Ints) -> tuple[Ints, Ints]:
        share = self.dice.uniform(f"{self.name}.stay", place)
        stay = (self.shortest * (self.longest / self.shortest) ** share).astype(np.int64)
        phase = 1 + (stay * self.dice.uniform(f"{self.name}.phase", place)).astype(np.int64)
        return stay, phase
