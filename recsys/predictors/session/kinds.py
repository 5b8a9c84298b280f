"""How each way of continuing a session is learned, by its name. A new one is a file here and a line below."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from pydantic import ValidationError

from recsys.candidates.sequences import Sequences
from recsys.errors import ConfigError
from recsys.predictors.session import from_generators as g
from recsys.predictors.session.attention import AttentionParams, learn_attention
from recsys.predictors.session.mixture import MixtureParams, learn_mixture
from recsys.predictors.session.ranked import RankedParams, learn_ranked
from recsys.serving.continuing.scorer import SessionScorer
from recsys.types import Frozen


class Learner(NamedTuple):
    """One way."""

    params: type[Frozen]
    learn: Callable[[Sequences, Any, np.random.Generator], SessionScorer]
    "Of sessions in the order of time, and those params."


LEARNERS: Final[Mapping[str, Learner]] = {
    "attention": Learner(AttentionParams, learn_attention),
    "followers": Learner(g.FollowersParams, g.learn_followers),
    "mixture": Learner(MixtureParams, learn_mixture),
    "neighbours": Learner(g.NeighboursParams, g.learn_neighbours),
    "popular": Learner(g.PopularParams, g.learn_popular),
    "ranked": Learner(RankedParams, learn_ranked),
    "vectors": Learner(g.VectorsParams, g.learn_vectors),
}


def learn(past: Sequences, kind: str, params: Mapping[str, Any], rng: np.random.Generator) -> SessionScorer:
    """The scorer of that kind, its columns those of ``past``.

    Raises:
        ConfigError: no such kind, or params that it refuses.
    """
    return LEARNERS[kind].learn(past, checked(kind, params), rng)


def checked(kind: str, params: Mapping[str, Any]) -> Frozen:
    """The params as those of the kind. A name with dots reaches into the parts of a mixture, as ``parts.1.weight``.

    Raises:
        ConfigError: no such kind, or params that it refuses.
    """
    if kind not in LEARNERS:
        raise ConfigError(f"predictors.session: found kind {kind!r}, expected one of {', '.join(sorted(LEARNERS))}")
    try:
        return _reached(LEARNERS[kind].params, params)
    except ValidationError as fault:
        raise ConfigError(f"predictors.session: {kind} refuses its params: {fault}") from fault


def _reached(kind: type[Frozen], params: Mapping[str, Any]) -> Frozen:
    own = kind.model_validate({name: value for name, value in params.items() if "." not in name})
    changed = own.model_dump()
    for name in params:
        if "." in name:
            *way, last = name.split(".")
            at: Any = changed
            try:
                for step in way:
                    at = at[int(step) if step.isdecimal() else step]
                at[last] = params[name]
            except (LookupError, TypeError) as fault:
                raise ConfigError(
                    f"predictors.session: found the param {name}, expected a name in what is there, as parts.1.weight "
                    "of the second of several parts; correct it, or search again with: recsys tune --part session"
                ) from fault
    return kind.model_validate(changed)
