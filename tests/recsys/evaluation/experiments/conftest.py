"""An experiment with two arms, and users whose true rates are known."""

import pytest

from recsys.sites.experiment import Arm, Experiment


@pytest.fixture
def experiment():
    """Makes one; every key can be changed."""

    def make(**changed) -> Experiment:
        arms = (Arm(name="control", share=0.5), Arm(name="fresh", share=0.5))
        return Experiment(**{"id": "fresh-ranker", "site": "shop", "arms": arms} | changed)

    return make
