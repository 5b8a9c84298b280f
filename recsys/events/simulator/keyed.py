"""Random numbers by address: the same seed, name and keys give the same number, whatever was drawn before.

A stream must be read from its start; here every number can be had alone. That is what makes any day, any user and any
item of the shop computable without the others.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Keys = Ints | int

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Keyed:
    """The random numbers of one seed. Keys are integers or integer arrays; arrays broadcast."""

    seed: int

    def uniform(self, name: str, *keys: Keys) -> Floats:
        """Uniform in the open interval (0, 1), in the broadcast shape of ``keys`` (at least one dimension)."""
        state = _mixed(np.array([self.seed % 2**64], dtype=np.uint64))
        state = _mixed(state ^ np.uint64(zlib.crc32(name.encode())))
        for key in keys:
            state = _mixed(state * _GOLDEN + np.asarray(key, dtype=np.int64).astype(np.uint64))
        return ((state >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53

    def normal(self, name: str, *keys: Keys) -> Floats:
        """Standard normal, in the broadcast shape of ``keys``.

        Source: Box and Muller, Annals of Mathematical Statistics 29(2), 1958.
        """
        radius = np.sqrt(-2.0 * np.log(self.uniform(name, *keys, 0)))
        angle: Floats = np.cos(2.0 * np.pi * self.uniform(name, *keys, 1))
        return radius * angle

    def direction(self, name: str, *keys: Ints, dims: int) -> Floats:
        """Unit vectors, evenly spread over the sphere; one row per key."""
        raw = self.normal(name, *(key[:, None] for key in keys), np.arange(dims)[None, :])
        return unit(raw)

    def day_rng(self, name: str, day: int) -> np.random.Generator:
        """A generator for one day's draws that need no address of their own."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode()), day])


def unit(vectors: Floats) -> Floats:
    """Each row at length one."""
    lengths: Floats = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / lengths


def _mixed(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Every bit of the answer depends on every bit of ``state``.

    Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014 (SplitMix64).
    """
    state = state + _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
