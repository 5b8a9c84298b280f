"""What is worth tuning of each generator, and over which values: used where a site's YAML does not say."""

from collections.abc import Mapping, Sequence
from typing import Final

SPACES: Final[Mapping[str, Mapping[str, Sequence[int | float]]]] = {
    "popularity": {"half_life_days": (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 21.0, 30.0, 60.0, 120.0)},
    "als": {
        "embedding_size": (16, 32, 64, 96, 128),
        "reg": (0.005, 0.02, 0.05, 0.1, 0.3, 1.0),
        "alpha": (1.0, 3.0, 10.0, 30.0, 100.0),
        "half_life_days": (10.0, 20.0, 40.0, 60.0, 120.0, 365.0),
    },
    "ease": {
        "reg": (10.0, 30.0, 60.0, 100.0, 200.0, 400.0, 800.0),
        "half_life_days": (5.0, 10.0, 20.0, 40.0, 80.0, 365.0),
        "query_half_life_days": (10.0, 30.0, 60.0, 90.0, 180.0, 365.0),
    },
    "item_item": {
        "half_life_days": (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 365.0),
        "query_half_life_days": (5.0, 10.0, 30.0, 60.0, 120.0, 365.0),
        "shrinkage": (0.0, 0.3, 1.0, 3.0, 10.0, 30.0),
        "popularity_power": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
    },
}
"""Values by parameter, by kind of generator; the defaults are always tried first."""
