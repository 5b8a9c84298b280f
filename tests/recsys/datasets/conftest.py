"""The two stores, so that a test says nothing about one that does not hold for the other."""

import itertools

import pytest

from recsys.datasets.blobs import Blobs, open_blobs
from recsys.datasets.store import DatasetStore

NUMBERS = itertools.count(1)


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.platform)])
def blobs(request, tmp_path, settings) -> Blobs:
    """An empty store: on local disk, then on a real S3 server."""
    if request.param == "local":
        return open_blobs(str(tmp_path / "objects"), settings)
    server = request.getfixturevalue("s3")
    return open_blobs(f"{server.data_url}/blobs{next(NUMBERS)}", server)


@pytest.fixture
def store(blobs) -> DatasetStore:
    return DatasetStore(blobs)
