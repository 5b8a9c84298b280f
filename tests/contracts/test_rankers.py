"""The ranker keeps the contract, with every loss that a site may choose."""

from typing import get_args

from recsys.ranking.ranker import Ranker
from recsys.sites.ranker_policy import RankerPolicy
from recsys.testing.rankers import RankerContract

LOSSES = get_args(RankerPolicy.model_fields["loss"].annotation)


def _suite(loss: str) -> type[RankerContract]:
    policy = RankerPolicy(loss=loss, iterations=80, learning_rate=0.3, depth=3)
    return type(f"Test_{loss}", (RankerContract,), {"make": staticmethod(lambda features: Ranker(features, policy))})


globals().update({f"Test_{loss}": _suite(loss) for loss in LOSSES})


def test_there_are_losses_to_test():
    assert len(LOSSES) == 6
