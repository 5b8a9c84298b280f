"""Search over parameters: grids of any number of parameters, and Optuna's TPE, both by the numbers of their trials.

Which parameters a trial gets depends on its number, the seed and the results of earlier rounds alone. So trials of one
round can run anywhere at the same time, and a search that was killed goes on as if nothing had been.

Source: Bergstra et al., "Algorithms for hyper-parameter optimization", NIPS 2011, as in Optuna.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic import NonNegativeInt

from recsys.types import Frozen

ROUNDS: Final = 3
"""Trials of one round do not know each other and can run at the same time; a round knows the rounds before."""

Number = int | float
Params = dict[str, Number]
Space = Mapping[str, Sequence[Number]]
"""The values that each parameter may have, in order."""


class Trial(Frozen):
    """What was tried and how it did."""

    number: NonNegativeInt
    params: Params
    "Empty: the site's own parameters."
    values: tuple[float, ...]
    "The objective on each validation window that was looked at, the latest first."
    pruned: bool = False
    "True: it was given up before the last window."

    @property
    def value(self) -> float:
        """Mean over the windows."""
        return sum(self.values) / len(self.values) if self.values else -math.inf


def range_values(start: Number, stop: Number, step: Number) -> tuple[Number, ...]:
    """``start``, ``start + step``, … below ``stop``; whole numbers where all three are whole, else rounded to the step.

    Adding steps up in floats must not add or lose a value: 0.1 to 0.4 by 0.1 is three values.
    """
    count = math.ceil((stop - start) / step - 1e-9)
    whole = all(float(each).is_integer() and isinstance(each, int) for each in (start, stop, step))
    if whole:
        return tuple(start + number * step for number in range(count))
    digits = max(0, 9 - math.floor(math.log10(abs(step))))
    return tuple(round(start + number * step, digits) for number in range(count))


def grid(space: Space) -> list[Params]:
    """Every combination, the last parameter changing fastest."""
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]


def planned(space: Space, *, method: Literal["tpe", "grid"], trials: int) -> int:
    """How many trials there will be; the first one is the site's own parameters."""
    size = math.prod(len(values) for values in space.values())
    return 1 + size if method == "grid" else min(trials, 1 + size)


def round_of(number: int, *, planned: int) -> int:
    """The round, from 0 to ROUNDS - 1, that a trial belongs to."""
    return number * ROUNDS // planned


def suggest(space: Space, number: int, *, method: Literal["tpe", "grid"], known: Sequence[Trial], seed: int) -> Params:
    """The parameters of trial ``number``; of trial 0 none: the site's own.

    Args:
        space: values by parameter.
        number: of the trial, from 0.
        method: grid goes through all combinations in order; tpe asks Optuna.
        known: the trials of earlier rounds, in any order.
        seed: of the search.
    """
    if number == 0:
        return {}
    if method == "grid":
        return grid(space)[number - 1]
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    indices = {name: optuna.distributions.IntDistribution(0, len(values) - 1) for name, values in space.items()}
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed * 100_003 + number, n_startup_trials=5)
    )
    for trial in sorted(known, key=lambda each: each.number):
        if trial.params and not trial.pruned:
            places = {name: list(space[name]).index(value) for name, value in trial.params.items()}
            study.add_trial(optuna.trial.create_trial(params=places, distributions=dict(indices), value=trial.value))
    chosen = study.ask(dict(indices)).params
    return {name: space[name][chosen[name]] for name in space}


def hopeless(first: float, known: Sequence[Trial]) -> bool:
    """Whether a trial that had ``first`` on the first window is given up: worse than the median of earlier rounds.

    Source: Golovin et al., "Google Vizier", KDD 2017 (median stopping rule).
    """
    others = sorted(trial.values[0] for trial in known if trial.values)
    return len(others) >= 5 and first < others[len(others) // 2]


def best(trials: Sequence[Trial]) -> Trial:
    """The trial with the highest mean of all windows; the site's own parameters, then the lower number, win ties."""
    whole = [trial for trial in trials if not trial.pruned]
    return max(whole, key=lambda trial: (trial.value, -trial.number))
