"""The transformer's loss, and one step of its training, in jax; what it computes is ``recsys.serving.continuing``'s."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from recsys.predictors.session.attention_lessons import Batch
from recsys.serving.continuing.attention import as_they_are, read, unit

Weights = dict[str, jax.Array]
Drawn = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Columns, and the log of how many draws of each are expected; all items once, each with 0, give the softmax itself."""
SHARPNESS: Final = 16.0
"""What cosines are multiplied by at the start (NISER)."""
SPREAD: Final = 0.1
"""Of items' vectors at the start: they have no length of their own, so a short one turns faster."""

ADAM: Final = optax.scale_by_adam()


def beginning(items: int, *, size: int, layers: int, heads: int, longest: int, rng: np.random.Generator) -> Weights:
    """Weights before the first step; what the layers add is small there, so that the last item speaks first."""
    spreads: dict[str, tuple[tuple[int, ...], float]] = {
        "items": ((items, size), SPREAD),
        "asked": ((layers, size, 3 * size), size**-0.5),
        "told": ((layers, size, size), (2 * layers * size) ** -0.5),
        "widened": ((layers, size, 4 * size), size**-0.5),
        "narrowed": ((layers, 4 * size, size), (8 * layers * size) ** -0.5),
    }
    drawn = {name: rng.normal(0.0, spread, shape) for name, (shape, spread) in spreads.items()}
    fixed = {
        "near": np.zeros((layers, heads, longest)),
        "commonness": np.zeros(items),
        "log_sharpness": np.log(SHARPNESS),
    }
    return {name: jnp.asarray(values, jnp.float32) for name, values in (drawn | fixed).items()}


def finished(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """The same as numpy's arrays, in the form that is served."""
    served = {name: np.array(values) for name, values in weights.items()}
    return served | {"items": unit(np, served["items"]), "sharpness": np.asarray(np.exp(served.pop("log_sharpness")))}


def states(weights: Weights, batch: Batch, dropped: Callable[[Any], Any] = as_they_are) -> jax.Array:
    """What sessions have become after each of their events, to be multiplied with items' unit vectors.

    Args:
        weights: as ``beginning`` has them.
        batch: what came after each event is not looked at.
        dropped: what is done to values while training.

    Returns:
        Shape (rows × events, size).
    """
    found = read(jnp, weights, unit(jnp, weights["items"][batch.before]), batch.whose, dropped)
    return jnp.reshape(found * jnp.exp(weights["log_sharpness"]), (-1, weights["items"].shape[1]))


def scores(weights: Weights, batch: Batch) -> jax.Array:
    """Of every item after every event, shape (rows × events, items)."""
    found: jax.Array = states(weights, batch) @ unit(jnp, weights["items"]).T + weights["commonness"]
    return found


@partial(jax.jit)
def ranks(weights: Weights, batch: Batch) -> jax.Array:
    """Where what came next stands among all items, 1 is best, shape (rows × events,)."""
    found = scores(weights, batch)
    right = jnp.take_along_axis(found, batch.after.reshape(-1, 1), axis=1)
    return 1 + (found > right).sum(axis=1)


def loss(weights: Weights, batch: Batch, drawn: Drawn, seed: int, dropout: float) -> jax.Array:
    """Mean negative log-likelihood of what came next, the other items being represented by those ``drawn``.

    The sum over all other items is estimated without bias: a drawn item counts by how seldom it is drawn (log-Q
    correction), the one that came next as it is (Khrylchenko et al., "Correcting the LogQ correction", RecSys 2025).
    """
    layers = weights["near"].shape[0]
    keys = iter(jax.random.split(jax.random.key(seed, impl="rbg"), 1 + 2 * layers))

    def dropped(values: jax.Array) -> jax.Array:
        kept = jax.random.bernoulli(next(keys), 1.0 - dropout, values.shape)
        return jnp.where(kept, values / (1.0 - dropout), 0.0)

    columns, log_expected = drawn
    found, after = states(weights, batch, dropped), batch.after.reshape(-1)
    right = (found * unit(jnp, weights["items"][after])).sum(axis=-1) + weights["commonness"][after]
    others = found @ unit(jnp, weights["items"][columns]).T + weights["commonness"][columns] - log_expected
    others = jnp.where(columns == after[:, None], -jnp.inf, others)
    surprise = jnp.logaddexp(right, jax.nn.logsumexp(others, axis=-1)) - right
    mean: jax.Array = jnp.mean(surprise, where=batch.whose.reshape(-1) >= 0)
    return mean


@partial(jax.jit, donate_argnums=(0, 1))
def step(
    weights: Weights, state: Any, batch: Batch, drawn: Drawn, *, seed: int, dropout: float, length: float
) -> tuple[Weights, Any]:
    """The next weights and the next state of ADAM, a step of that ``length`` further; the first two are used up."""
    slopes = jax.grad(loss)(weights, batch, drawn, seed, dropout)
    directions, state = ADAM.update(slopes, state)
    return {name: values - length * directions[name] for name, values in weights.items()}, state
