"""What is worth tuning of the ranker, and over which values: used where a site's YAML does not say."""

from collections.abc import Mapping, Sequence
from typing import Final

RANKER: Final = "ranker"
"The ranker's name among the parts that are tuned."
SPACE: Final[Mapping[str, Sequence[int | float]]] = {
    "learning_rate": (0.02, 0.04, 0.08, 0.12, 0.2),
    "depth": (3, 4, 5, 6),
    "prior_weight": (0.0, 0.5, 1.0, 2.0, 4.0),
}
