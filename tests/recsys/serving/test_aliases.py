import mlflow
import pytest

from recsys.errors import StoreError
from recsys.serving.aliases import CHALLENGER, LIVE, point, registered_models

MANIFEST = {"model_version": "1", "generators_version": "1", "release_id": "shop-1"}
NAMES = ("shop_of_aliases-ranker", "shop_of_aliases-generators")


@pytest.fixture
def client(mlflow_server):
    client = mlflow.MlflowClient(tracking_uri=mlflow_server.tracking_uri)
    for name in NAMES:
        client.create_registered_model(name)
        for _ in range(2):
            client.create_model_version(name, source="s3://mlflow/nowhere")
    yield client
    for name in NAMES:
        client.delete_registered_model(name)


def aliases(client):
    return [client.get_registered_model(name).aliases for name in NAMES]


def pointed(mlflow_server, alias, manifest):
    point(mlflow_server.tracking_uri, alias, registered_models("shop_of_aliases", manifest))


def test_the_alias_is_where_the_release_is_and_what_is_live_is_no_challenger(client, mlflow_server):
    pointed(mlflow_server, CHALLENGER, MANIFEST)
    assert aliases(client) == [{"challenger": "1"}, {"challenger": "1"}]
    pointed(mlflow_server, LIVE, MANIFEST)
    assert aliases(client) == [{"live": "1"}, {"live": "1"}]
    pointed(mlflow_server, CHALLENGER, MANIFEST)
    pointed(mlflow_server, LIVE, MANIFEST | {"model_version": "2", "generators_version": "2"})
    assert aliases(client) == [{"live": "2", "challenger": "1"}, {"live": "2", "challenger": "1"}]


def test_a_release_without_models_moves_nothing():
    assert registered_models("shop", {"model_version": None}) == {}
    point("http://127.0.0.1:9", LIVE, {})


def test_a_predictor_is_a_model_of_its_surface():
    manifest = {"model_version": "5f0c1d2e77ab90c4", "registered_version": "3"}
    assert registered_models("shop", manifest, "intent") == {"shop-intent": "3"}
    assert registered_models("shop", {"model_version": "5f0c1d2e77ab90c4"}, "ctr") == {}


def test_what_mlflow_does_not_know_or_hear_is_an_error_of_the_store(mlflow_server):
    for uri in (mlflow_server.tracking_uri, "http://127.0.0.1:9"):
        with pytest.raises(StoreError, match="expected alias 'live' of shop-intent at version 3"):
            point(uri, LIVE, {"shop-intent": "3"})
