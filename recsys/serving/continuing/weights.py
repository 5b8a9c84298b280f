"""How much each item of a session counts."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def weights_of(
    session: "NDArray[np.int64]", position_decay: float
) -> tuple["NDArray[np.int64]", "NDArray[np.float32]"]:
    """The columns of a session, each once and the newest first, and what they count.

    An item n steps before the end counts ``position_decay`` to the n, as it came last; 0: only the last one counts.
    """
    import numpy as np

    steps: dict[int, int] = {}
    for back, column in enumerate(reversed(session.tolist())):
        steps.setdefault(column, back)
    counted = list(steps) if position_decay else list(steps)[:1]
    weights = [position_decay ** steps[column] for column in counted]
    return np.array(counted, dtype=np.int64), np.array(weights, dtype=np.float32)
