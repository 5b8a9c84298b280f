"""Every registered generator, found by discovery, keeps the contract."""

from recsys.candidates.registry import KINDS
from recsys.testing import checkerboard as board
from recsys.testing.generators import CandidateGeneratorContract

OF_ANOTHER_KIND = {
    "popularity": {"personal": False},
    "recently_viewed": {"discovers": False},
    "svd_ratings": {"log": staticmethod(board.ratings)},
    "newcomers": {"personal": False},
    "trending": {"personal": False},
}
"""What the contract must know of a generator that is not personal, tells nothing new, or learns from other events."""


def _suite(kind: str) -> type[CandidateGeneratorContract]:
    params, generator = KINDS[kind]
    members = {"make": staticmethod(lambda: generator(params())), **OF_ANOTHER_KIND.get(kind, {})}
    return type(f"Test_{kind}", (CandidateGeneratorContract,), members)


globals().update({f"Test_{kind}": _suite(kind) for kind in KINDS})


def test_every_generator_answers_under_its_kind():
    assert {kind: generator(params()).name for kind, (params, generator) in KINDS.items()} == {k: k for k in KINDS}
