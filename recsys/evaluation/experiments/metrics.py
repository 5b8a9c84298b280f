"""What an experiment measures. Every metric is a sum over users of one thing over a sum of another.

Users are the units: what one user does is not independent, so events are never counted as if they were.
"""

from dataclasses import dataclass
from typing import Final

from recsys import columns as c


@dataclass(frozen=True)
class Definition:
    """Of what over what."""

    numerator: str
    "A column of OUTCOMES."
    denominator: str | None
    "A column of OUTCOMES; None: users."
    once: bool = False
    "True: a user counts once, however often it happened."
    better: int = 1
    "−1: less is better."
    floor: float = 0.0
    "Added to the ratio before arms are compared: none beside little is then a finite change."


METRICS: Final = {
    "ctr": Definition(c.CLICKED, c.SHOWN),
    "examined_ctr": Definition(c.CLICKED, c.EXAMINED),
    "conversion": Definition(c.PURCHASES, None, once=True),
    "revenue": Definition(c.REVENUE, None),
    "add_to_cart": Definition(c.CARTS, None),
    "dwell": Definition(c.DWELL_SECONDS, c.SLATES),
    "rating": Definition(c.RATING_SUM, c.RATINGS),
    "latency": Definition(c.LATENCY_MS, c.REQUESTS, better=-1),
    "errors": Definition(c.REQUESTS_FAILED, c.REQUESTS, better=-1, floor=0.001),
}
"""By name, as an experiment's configuration has them; what each means is in docs/metrics.md."""
