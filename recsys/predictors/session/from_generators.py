"""Ways of continuing a session that learn what the candidate generators learn."""

from itertools import pairwise
from typing import Annotated, Final

import numpy as np
import scipy.sparse as sp
from pydantic import Field, PositiveFloat

from recsys.candidates.covisitation import Transitions, follow_scores
from recsys.candidates.prod2vec import LONGEST, SkipGram, skip_gram
from recsys.candidates.sequences import Sequences
from recsys.candidates.session_knn import Likeness, Neighbours
from recsys.serving.continuing.followers import Followers
from recsys.serving.continuing.neighbours import NeighbourRules, SessionNeighbours
from recsys.serving.continuing.popular import Popular
from recsys.serving.continuing.rows import Rows
from recsys.serving.continuing.vectors import ItemVectors
from recsys.types import Frozen

Decay = Annotated[float, Field(ge=0.0, le=1.0)]
MOST_POPULAR: Final = 500


class FollowersParams(Transitions):
    """How co-visitation is counted, and how a session asks."""

    position_decay: Decay = 0.6
    "An item of a session counts this much of the one after it; 0: only the last item counts."
    half_life: PositiveFloat | None = None
    "As a share of all events: one this far before the newest counts half; null: age does not matter."


class NeighboursParams(Likeness):
    """Which past sessions are neighbours, and what they say: V-SKNN by default, STAN with the decays."""

    position_decay: Decay = 0.8
    "An item of a session counts this much of the one after it."
    matched_power: Annotated[float, Field(ge=0.0, le=2.0)] = 1.0
    "How strongly an item is damped, where sessions are compared, that most have; 0: not at all."
    age_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    "The oldest session counts this much of the newest; 1: age does not matter."
    distance_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    "Each step between an item and what matched in its session lets it count this much; 1: distance does not matter."


STAN: Final = NeighboursParams(matched_power=0.0, age_decay=0.1, distance_decay=0.6)


class VectorsParams(SkipGram):
    """Size of the vectors, what company means, and how a session asks."""

    position_decay: Decay = 0.7
    "An item of a session counts this much of the one after it."


class PopularParams(Frozen):
    """Nothing is asked."""


def learn_followers(past: Sequences, params: FollowersParams, rng: np.random.Generator) -> Followers:
    """Directed co-visitation within sessions."""
    return Followers(
        Rows.of_sparse(follow_scores(past.fading(params.half_life), params)), position_decay=params.position_decay
    )


def learn_neighbours(past: Sequences, params: NeighboursParams, rng: np.random.Generator) -> SessionNeighbours:
    """Past sessions, ready to be compared with."""
    near = Neighbours.of(past, params)
    rules = NeighbourRules(**params.model_dump(include=set(NeighbourRules.model_fields)))
    return SessionNeighbours(Rows.of_sparse(near.holders), Rows.of_sparse(moments_of(past)), near.rarity, rules)


def learn_vectors(past: Sequences, params: VectorsParams, rng: np.random.Generator) -> ItemVectors:
    """Skip-gram vectors of sessions as sentences."""
    words = past.columns.astype(str).tolist()
    texts = [
        words[at : min(at + LONGEST, end)]
        for start, end in pairwise(past.starts.tolist())
        for at in range(start, end, LONGEST)
    ]
    vectors = skip_gram(texts, len(past.items), params, rng)
    return ItemVectors(vectors.astype(np.float32), position_decay=params.position_decay)


def learn_popular(past: Sequences, params: PopularParams, rng: np.random.Generator) -> Popular:
    """Items by the share of all events that are theirs."""
    events = np.bincount(past.columns, minlength=len(past.items))
    best = np.argsort(-events, kind="stable")[:MOST_POPULAR]
    return Popular(best, (events[best] / max(len(past.columns), 1)).astype(np.float32))


def moments_of(past: Sequences) -> sp.csr_matrix:
    """Sequences × items: the moment of the sequence at which the item came last, from 1."""
    order = np.lexsort((past.moments, past.columns, past.owner))
    owner, columns = past.owner[order], past.columns[order]
    last = np.diff(owner, append=-1).astype(bool) | np.diff(columns, append=-1).astype(bool)
    return sp.csr_matrix(
        (past.moments[order][last] + 1.0, (owner[last], columns[last])), shape=(len(past), len(past.items))
    )
