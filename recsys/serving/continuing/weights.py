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

    columns, steps = np.unique(session[::-1], return_index=True)
    newest_first = np.argsort(steps)
    weights = (position_decay ** steps[newest_first].astype(np.float64)).astype(np.float32)
    counts = weights > 0
    return columns[newest_first][counts], weights[counts]
