import numpy as np
import polars as pl
import pytest

from recsys.predictors.ctr import FittedCtr, fit_ctr, latest
from recsys.sites.predictor_policy import CtrPolicy
from recsys.testing.clicks import drawn_clicks

ROWS = 40_000


@pytest.fixture(scope="session")
def policy() -> CtrPolicy:
    return CtrPolicy(iterations=40, learning_rate=0.2, depth=4)


@pytest.fixture(scope="session")
def drawn() -> tuple[pl.DataFrame, np.ndarray]:
    return drawn_clicks(ROWS, rng=np.random.default_rng(1))


@pytest.fixture(scope="session")
def earlier(drawn) -> pl.DataFrame:
    return latest(drawn[0], 0.25)[0]


@pytest.fixture(scope="session")
def later(drawn) -> pl.DataFrame:
    return latest(drawn[0], 0.25)[1]


@pytest.fixture(scope="session")
def fitted(earlier, policy) -> FittedCtr:
    return fit_ctr(earlier, policy)
