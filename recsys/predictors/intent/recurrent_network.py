"""The recurrent network's loss, and one step of its training, in jax; what it computes is ``gru``'s."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from recsys.serving.predicting import gru

Weights = dict[str, jax.Array]


class Batch(NamedTuple):
    """Sessions in lanes, one after the other."""

    inputs: NDArray[np.float32]
    "Shape (lanes, events, inputs)."
    first: NDArray[np.bool_]
    "Where a session begins, shape (lanes, events)."
    labels: NDArray[np.float32]
    "Whether the session buys."
    counted: NDArray[np.float32]
    "1; 0 where a lane is not filled."


def beginning(inputs: int, size: int, *, rate: float, rng: np.random.Generator) -> Weights:
    """Weights before the first step, under which every session buys with the probability ``rate``."""
    drawn = {
        "told": rng.normal(0.0, inputs**-0.5, (inputs, 3 * size)),
        "kept": rng.normal(0.0, size**-0.5, (size, 3 * size)),
    }
    fixed = {
        "told_bias": np.zeros(3 * size),
        "kept_bias": np.zeros(3 * size),
        "read": np.zeros(size),
        "seen": np.zeros(inputs),
        "bias": np.log(rate / (1.0 - rate)),
    }
    return {name: jnp.asarray(values, jnp.float32) for name, values in (drawn | fixed).items()}


def log_odds(weights: Weights, inputs: jax.Array, first: jax.Array) -> jax.Array:
    """After each event, shape (lanes, events); where a session begins, all before it is forgotten."""

    def next_event(state: jax.Array, event: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        told, begins = event
        state = gru.after(jnp, weights, told, jnp.where(begins[:, None], 0.0, state))
        return state, gru.log_odds(weights, told, state)

    nothing = jnp.zeros((len(inputs), len(weights["read"])))
    return jax.lax.scan(next_event, nothing, (inputs.swapaxes(0, 1), first.T))[1].T


def total_loss(weights: Weights, batch: Batch) -> jax.Array:
    """The sum of the log-loss over all events, in nats."""
    found = log_odds(weights, jnp.asarray(batch.inputs), jnp.asarray(batch.first))
    losses: jax.Array = optax.sigmoid_binary_cross_entropy(found, batch.labels) * batch.counted
    return losses.sum()


judged = jax.jit(total_loss)


def stepping(optimizer: optax.GradientTransformation) -> Callable[[Weights, Any, Batch], tuple[Weights, Any]]:
    """A compiled step: weights, state of the optimizer and a batch → the next ones."""

    def mean_loss(weights: Weights, batch: Batch) -> jax.Array:
        mean: jax.Array = total_loss(weights, batch) / batch.counted.sum()
        return mean

    def step(weights: Weights, state: Any, batch: Batch) -> tuple[Weights, Any]:
        slopes = jax.grad(mean_loss)(weights, batch)
        updates, state = optimizer.update(slopes, state, weights)
        moved: Weights = optax.apply_updates(weights, updates)
        return moved, state

    compiled: Callable[[Weights, Any, Batch], tuple[Weights, Any]] = jax.jit(step, donate_argnums=(0, 1))
    return compiled
