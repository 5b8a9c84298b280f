"""A transformer over the items of a session: causal self-attention, trained elsewhere, read here.

Every item of a session looks at itself and at those before it, layer by layer; what the last one has become is compared
with all items. There is one body of code for training and serving: the array module is an argument, numpy here and
``jax.numpy`` where it is trained.

Source: Kang and McAuley, "Self-attentive sequential recommendation", ICDM 2018. Instead of inner products, cosines
with a learned sharpness, so that no item wins by the length of its vector (Gupta et al., "NISER", 2019); instead of
positions, distances (Raffel et al., JMLR 21, 2020), so that it is the same wherever a session was cut.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from recsys.serving.continuing.scorer import Arrays, Scored, SessionScorer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TINY: Final = 1e-6


class Attention(SessionScorer):
    """Score of an item: the probability that it is the next, of all items of the model."""

    kind: ClassVar[str] = "attention"

    def __init__(self, weights: Arrays) -> None:
        """What was learned, all float32.

        Args:
            weights: ``items`` (items, size), unit vectors; ``commonness`` (items,), added to an item's score;
                ``sharpness`` (), what cosines are multiplied by; and what ``read`` asks for.
        """
        self.weights = weights
        self.longest = weights["near"].shape[-1]

    def score(self, session: "NDArray[np.int64]") -> Scored:
        import numpy as np

        items = self.weights["items"]
        state = read(np, self.weights, items[session[-self.longest :]])[-1] * self.weights["sharpness"]
        scores = items @ state + self.weights["commonness"]
        chances = np.exp(scores - scores.max())
        return np.arange(len(items)), chances / chances.sum()

    def because(self, session: "NDArray[np.int64]", columns: "NDArray[np.int64]") -> Sequence[Sequence[int]]:
        """Those of the session whose vectors point where the item's does; of equals the newer."""
        import numpy as np

        own = np.array(list(dict.fromkeys(session[-self.longest :][::-1].tolist())))
        alike = self.weights["items"][own] @ self.weights["items"][columns].T
        strongest = np.argsort(-alike, axis=0, kind="stable")
        return [
            [int(own[n]) for n in strongest[:, place] if alike[n, place] > 0 and own[n] != column]
            for place, column in enumerate(columns)
        ]

    def arrays(self) -> Arrays:
        return self.weights

    def told(self) -> dict[str, Any]:
        return {}

    @classmethod
    def of(cls, arrays: Arrays, told: Mapping[str, Any]) -> Self:
        return cls(arrays)


def as_they_are(values: Any) -> Any:
    """Nothing is dropped."""
    return values


def read(
    xp: Any,
    weights: Mapping[str, Any],
    vectors: Any,
    whose: Any = None,
    dropped: Callable[[Any], Any] = as_they_are,
) -> Any:
    """What each event of a session has become after those before it: unit vectors, of the shape of ``vectors``.

    Args:
        xp: numpy, or a module with its functions.
        weights: ``asked`` (layers, size, 3 × size), to queries, keys and values; ``near`` (layers, heads, longest),
            added to the attention of what lies that many events back; ``told`` (layers, size, size), back from the
            heads; ``widened`` (layers, size, wide) and ``narrowed`` (layers, wide, size), the feed-forward part.
        vectors: unit vectors of items, oldest first, shape (…, events, size); at most ``longest`` events.
        whose: the number of each event's session, shape (…, events), where several stand one after the other; they do
            not see each other. None: one does.
        dropped: what is done to values while training.
    """
    layers, heads, _ = weights["near"].shape
    *sessions, events, size = vectors.shape
    back = xp.arange(events)[:, None] - xp.arange(events)[None, :]
    visible = back >= 0
    if whose is not None:
        visible = visible & (whose[..., :, None] == whose[..., None, :])[..., None, :, :]
    state = dropped(vectors * size**0.5)
    for layer in range(layers):
        asked = (normal(xp, state) @ weights["asked"][layer]).reshape(*sessions, events, 3 * heads, size // heads)
        queries, keys, values = xp.split(asked.swapaxes(-2, -3), 3, axis=-3)
        alike = queries @ keys.swapaxes(-1, -2) / (size // heads) ** 0.5 + weights["near"][layer][:, xp.abs(back)]
        alike = xp.where(visible, alike, -xp.inf)
        looked = xp.exp(alike - alike.max(axis=-1, keepdims=True))
        seen = (looked / looked.sum(axis=-1, keepdims=True) @ values).swapaxes(-2, -3)
        state = state + dropped(seen.reshape(vectors.shape) @ weights["told"][layer])
        wide = xp.maximum(normal(xp, state) @ weights["widened"][layer], 0)
        state = state + dropped(wide @ weights["narrowed"][layer])
    return unit(xp, state)


def unit(xp: Any, vectors: Any) -> Any:
    """Vectors of length 1 along the last axis; those next to 0 stay short."""
    return vectors / xp.sqrt((vectors * vectors).sum(axis=-1, keepdims=True) + TINY)


def normal(xp: Any, state: Any) -> Any:
    """Divided by the root of the mean square of the last axis (Zhang and Sennrich, NeurIPS 2019)."""
    return state / xp.sqrt((state * state).mean(axis=-1, keepdims=True) + TINY)
