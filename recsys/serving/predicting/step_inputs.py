"""What a recurrent network is told of an event: the features after it, on a scale that a network can learn from."""

from collections.abc import Sequence
from math import pi
from typing import TYPE_CHECKING, Final, Self

from recsys.types import Frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND: Final = "last_1"
"""The event's own type."""
HOUR: Final = "hour"
APART: Final = (KIND, HOUR, "last_2", "last_3")
"""No numbers: these two are told in another way, types before the last the network remembers itself."""
FAR: Final = 5.0
"""Standard deviations beyond which numbers are not told apart."""


class StepInputs(Frozen):
    """From rows of ``SessionWalk.features`` to inputs; as JSON it is its own state.

    A number is squashed (sign · log(1 + size)) and standardized, unknown ones are 0; another input says that it is
    unknown. The event's type has an input per type; the hour is a point on a circle.
    """

    features: tuple[str, ...]
    "Of a row, in order."
    types: int
    "How many event types there are."
    means: tuple[float, ...]
    "Of the squashed numbers, in the order of the rows."
    scales: tuple[float, ...]
    "Their standard deviations; 1 where they do not differ."
    doubtful: tuple[int, ...]
    "Places of the numbers that may be unknown."

    @classmethod
    def of(cls, table: "NDArray[np.float32]", features: Sequence[str], types: int) -> Self:
        """The scale of these rows."""
        import numpy as np

        numbers = _squashed(table[:, _numbers(features)])
        unknown = np.isnan(numbers)
        known = np.ma.masked_array(numbers, unknown)
        scales = known.std(axis=0).filled(0.0)
        return cls(
            features=tuple(features),
            types=types,
            means=tuple(known.mean(axis=0).filled(0.0).tolist()),
            scales=tuple(np.where(scales > 0, scales, 1.0).tolist()),
            doubtful=tuple(np.flatnonzero(unknown.any(axis=0)).tolist()),
        )

    @property
    def width(self) -> int:
        """How many inputs a row has."""
        return len(self.means) + len(self.doubtful) + self.types + 2

    def __call__(self, table: "NDArray[np.float32]") -> "NDArray[np.float64]":
        """The inputs of each row, shape (rows, inputs); a row's are the same whatever rows are beside it."""
        import numpy as np

        numbers = (_squashed(table[:, _numbers(self.features)]) - np.array(self.means)) / np.array(self.scales)
        unknown = np.isnan(numbers)
        angle = table[:, self.features.index(HOUR)].astype(np.float64) * (2 * pi / 24)
        return np.concatenate(
            [
                np.where(unknown, 0.0, np.clip(numbers, -FAR, FAR)),
                unknown[:, self.doubtful],
                table[:, [self.features.index(KIND)]] == np.arange(self.types),
                np.nan_to_num(np.stack([np.sin(angle), np.cos(angle)], axis=1)),
            ],
            axis=1,
        )


def _numbers(features: Sequence[str]) -> list[int]:
    """Places of the features that are numbers."""
    return [place for place, name in enumerate(features) if name not in APART]


def _squashed(numbers: "NDArray[np.float32]") -> "NDArray[np.float64]":
    import numpy as np

    wide = numbers.astype(np.float64)
    return np.sign(wide) * np.log1p(np.abs(wide))
