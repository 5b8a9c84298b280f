"""When a request is sent again, and how long to wait before. No I/O here: the clients sleep.

Every call of this client may be sent twice: questions change nothing, events count once by their ``event_id``, which is
made before the first attempt.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from recsys.client.errors import ServiceError

WORTH_IT: Final = frozenset({0, 408, 429, 502, 503, 504})
"""Statuses after which another attempt may do; 0 is no answer at all."""


@dataclass(frozen=True)
class Retrying:
    """How patient the client is."""

    attempts: int = 3
    "In all; 1: none is repeated."
    first_pause: float = 0.1
    "Seconds, at most, before the second attempt; it doubles with each, and each is drawn between 0 and that."
    longest_pause: float = 5.0
    "Seconds; where the service asks for a longer one, the error is raised at once."

    def pause(self, attempt: int, error: ServiceError) -> float | None:
        """Seconds to wait after this attempt, the first is 1; None: give up.

        Source of the jitter: AWS Architecture Blog, Exponential Backoff And Jitter, 2015 ("full jitter").
        """
        if attempt >= self.attempts or error.status not in WORTH_IT:
            return None
        if error.retry_after is not None:
            drawn = error.retry_after + _share() * self.first_pause
            return drawn if error.retry_after <= self.longest_pause else None
        return float(min(self.longest_pause, self.first_pause * 2 ** (attempt - 1))) * _share()


def _share() -> float:
    return secrets.randbelow(1_000_000) / 1_000_000
