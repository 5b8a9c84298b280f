"""Which arm a user belongs to: two hashes, no memory, the same on every host and after every restart.

    bucket(salt, user_id, part) = the part-th 4 bytes of SHA-256(salt ":" user_id, as UTF-8), as an unsigned big-endian
                                  number, modulo 10,000

A user takes part where

- bucket("<site>/holdout", user, 0) ≥ holdout × 10,000,
- bucket("<site>/<layer>", user, 0) lies in the experiment's slots,
- bucket(salt, user, 0) < enrolled × 10,000,

and then bucket(salt, user, 1) chooses the arm, by the arms' shares in their order. Only ``enrolled`` depends on the
ramp, so that a growing ramp adds users to all arms alike and moves nobody from one to another. The salt is
"<site>/<id>" unless the experiment names another. ``docs/experiments.md`` has the same in SQL.

What is hashed is the user_id as it was sent. A visitor without one takes part in nothing: nobody could tell whether two
such answers went to one person. A site that wants visitors in sends the id in its own cookie as the user_id.
"""

from bisect import bisect_right
from hashlib import sha256
from itertools import accumulate

from recsys.sites.experiment import SLOTS, Experiment


def bucket(salt: str, user_id: str, part: int = 0) -> int:
    """In 0 … 9,999; parts 0 to 7 of one salt are independent, as are different salts."""
    return int.from_bytes(sha256(f"{salt}:{user_id}".encode()).digest()[4 * part : 4 * part + 4]) % SLOTS


class Assigner:
    """One experiment at one step of its ramp, made ready for asking.

    Args:
        experiment: what is tried.
        ramp: share of the site's users who get something other than the control.
    """

    __slots__ = ("_ends", "_enrolled", "_held", "_holdout", "_layer", "_names", "_salt", "_slots")

    def __init__(self, experiment: Experiment, ramp: float) -> None:
        self._salt = f"{experiment.salt or f'{experiment.site}/{experiment.id}'}:"
        self._layer = f"{experiment.site}/{experiment.layer}"
        self._holdout = f"{experiment.site}/holdout"
        self._held = round(experiment.holdout * SLOTS)
        self._slots = None if experiment.slots == (0, SLOTS) else experiment.slots
        self._enrolled = round(min(1.0, ramp / experiment.reach) * SLOTS)
        self._ends = [round(share * SLOTS) for share in accumulate(arm.share for arm in experiment.arms)]
        self._names = [arm.name for arm in experiment.arms]

    def arm(self, user_id: str | None) -> str | None:
        """The user's arm; None: takes no part, and is answered as if there were no experiment."""
        if not user_id:
            return None
        digest = sha256((self._salt + user_id).encode()).digest()
        if int.from_bytes(digest[:4]) % SLOTS >= self._enrolled:
            return None
        if self._slots and not self._slots[0] <= bucket(self._layer, user_id) < self._slots[1]:
            return None
        if self._held and bucket(self._holdout, user_id) < self._held:
            return None
        return self._names[bisect_right(self._ends, int.from_bytes(digest[4:8]) % SLOTS)]
