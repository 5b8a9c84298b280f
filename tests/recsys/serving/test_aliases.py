import mlflow
import pytest

from recsys.serving.aliases import point_live, registered_models

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


def test_the_alias_is_where_the_release_is_and_what_is_live_is_no_challenger(client, mlflow_server):
    for name in NAMES:
        client.set_registered_model_alias(name, "challenger", "1")
    point_live(mlflow_server.tracking_uri, "shop_of_aliases", MANIFEST)
    assert aliases(client) == [{"live": "1"}, {"live": "1"}]
    for name in NAMES:
        client.set_registered_model_alias(name, "challenger", "1")
    point_live(
        mlflow_server.tracking_uri, "shop_of_aliases", MANIFEST | {"model_version": "2", "generators_version": "2"}
    )
    assert aliases(client) == [{"live": "2", "challenger": "1"}, {"live": "2", "challenger": "1"}]


def test_a_release_without_models_moves_nothing():
    assert registered_models("shop", {"model_version": None}) == {}
    point_live("http://127.0.0.1:9", "shop", {"model_version": None})
