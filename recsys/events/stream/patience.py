"""How long a run waits for a server that does not answer."""

from dataclasses import dataclass
from threading import Event
from typing import Any, Final

from tenacity import sleep_using_event, stop_after_delay, stop_any, stop_never, stop_when_event_set, wait_exponential

LONGEST_PAUSE: Final = 30.0
"Seconds between two attempts, at most."


@dataclass(frozen=True)
class Patience:
    """It tries again, ever less often."""

    seconds: float
    "Infinite: until somebody ends the run."
    ended: Event
    "Somebody ended the run: no more attempts."

    @property
    def attempts(self) -> dict[str, Any]:
        """Arguments of ``tenacity.Retrying``; in the end the last fault is raised."""
        limit = stop_after_delay(self.seconds) if self.seconds < float("inf") else stop_never
        return {
            "wait": wait_exponential(multiplier=0.5, max=LONGEST_PAUSE),
            "stop": stop_any(limit, stop_when_event_set(self.ended)),
            "sleep": sleep_using_event(self.ended),
            "reraise": True,
        }
