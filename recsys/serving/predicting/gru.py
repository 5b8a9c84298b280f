"""A gated recurrent unit whose state after each event is read as log-odds.

One body of code for training and serving: the array module is an argument, numpy here, ``jax.numpy`` where it is
trained.

Source: Cho and others, "Learning phrase representations using RNN encoder-decoder for statistical machine translation",
EMNLP 2014, with the reset gate after the multiplication (cuDNN's form).
"""

from collections.abc import Mapping
from typing import Any

Weights = Mapping[str, Any]
"""By name, numpy's arrays or jax's; of ``size`` numbers in the state:

``told`` (inputs, 3 × size) and ``told_bias`` (3 × size,): from an event to update gate, reset gate and new state.
``kept`` (size, 3 × size) and ``kept_bias`` (3 × size,): the same from the state before it.
``read`` (size,), ``seen`` (inputs,) and ``bias`` (): from state and event to log-odds.
"""


def after(xp: Any, weights: Weights, inputs: Any, state: Any) -> Any:
    """The states of sessions after one more event, shape (sessions, size).

    Args:
        xp: numpy, or a module with its functions.
        weights: as ``Weights`` says.
        inputs: of the event, shape (sessions, inputs).
        state: before it; zeros where nothing was before.
    """
    told_update, told_reset, told = xp.split(inputs @ weights["told"] + weights["told_bias"], 3, axis=-1)
    kept_update, kept_reset, kept = xp.split(state @ weights["kept"] + weights["kept_bias"], 3, axis=-1)
    update = _share(xp, told_update + kept_update)
    new = xp.tanh(told + _share(xp, told_reset + kept_reset) * kept)
    return update * state + (1.0 - update) * new


def log_odds(weights: Weights, inputs: Any, state: Any) -> Any:
    """One number per session: of its state after the event, and of the event itself."""
    return state @ weights["read"] + inputs @ weights["seen"] + weights["bias"]


def _share(xp: Any, values: Any) -> Any:
    return 0.5 * (1.0 + xp.tanh(0.5 * values))
