"""Postgres, S3 and MLflow as the platform starts them: who may come in, from where, and where things end up."""

from collections.abc import Callable
from contextlib import closing

import boto3
import httpx
import psutil
import psycopg2
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from mlflow import MlflowClient

from recsys.layout import LOOPBACK, Settings
from recsys.local import leftovers
from recsys.local.servers import marks
from recsys.local.servers.s3 import INNER

pytestmark = pytest.mark.platform


def client(settings: Settings, **changed: str) -> BaseClient:
    keys = {"aws_access_key_id": settings.aws_access_key_id}
    keys["aws_secret_access_key"] = settings.aws_secret_access_key.get_secret_value()
    return boto3.client("s3", endpoint_url=settings.s3_endpoint_url, region_name="us-east-1", **keys | changed)


def listening(settings: Settings) -> dict[int, str]:
    """Port to address, of every socket that a process of the platform listens on."""
    ours = {process.pid for process in leftovers.find(settings.recsys_home)}
    found = psutil.net_connections("tcp")
    return {c.laddr.port: c.laddr.ip for c in found if c.pid in ours and c.status == psutil.CONN_LISTEN}


def test_postgres_refuses_a_wrong_password(postgres: Settings) -> None:
    wrong = postgres.model_copy(update={"recsys_postgres_password": postgres.recsys_admin_key})
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(wrong.postgres_dsn("postgres"))


def test_postgres_listens_on_loopback_alone(postgres: Settings) -> None:
    assert listening(postgres) == {postgres.recsys_postgres_port: LOOPBACK}


def test_databases_of_two_tests_are_apart(createdb: Callable[[], Settings]) -> None:
    one, other = createdb(), createdb()
    with closing(psycopg2.connect(one.postgres_dsn())) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mine (id int)")
        connection.commit()
    with closing(psycopg2.connect(other.postgres_dsn())) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('mine')")
        assert cursor.fetchone() == (None,)


def test_a_database_remembers_which_version_made_its_tables(createdb: Callable[[], Settings]) -> None:
    dsn = createdb().postgres_dsn()
    assert marks.read(dsn) is None
    marks.write(dsn, "it's 3.3")
    assert marks.read(dsn) == "it's 3.3"


def test_an_object_comes_back_as_it_was_put(s3: Settings) -> None:
    client(s3).put_object(Bucket="recsys", Key="a/b ü.bin", Body=b"\x00\xff" * 1000)
    assert client(s3).get_object(Bucket="recsys", Key="a/b ü.bin")["Body"].read() == b"\x00\xff" * 1000


def test_s3_makes_the_buckets_that_the_settings_name(s3: Settings) -> None:
    assert {bucket["Name"] for bucket in client(s3).list_buckets()["Buckets"]} >= {"mlflow", "recsys"}


def test_s3_refuses_unsigned_and_wrongly_signed_requests(s3: Settings) -> None:
    assert httpx.get(f"{s3.s3_endpoint_url}/recsys", timeout=60).status_code == 403
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client(s3, aws_secret_access_key="guessed").list_objects_v2(Bucket="recsys")


def test_s3_opens_its_own_ports_on_loopback_alone(s3: Settings) -> None:
    found = listening(s3)
    first = s3.recsys_s3_inner_port
    inner = set(range(first, first + len(INNER)))
    assert set(found) == {s3.recsys_s3_port, *inner, max(inner) + 10_000}
    assert set(found.values()) == {LOOPBACK}


def test_mlflow_keeps_runs_in_postgres_and_artifacts_in_s3(
    mlflow_server: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = MlflowClient(mlflow_server.tracking_uri)
    run = mlflow.create_run(mlflow.create_experiment("shop")).info.run_id
    mlflow.log_metric(run, "ndcg", 0.5)
    mlflow.log_text(run, "hello", "note.txt")
    with closing(psycopg2.connect(mlflow_server.postgres_dsn("mlflow"))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT value FROM metrics WHERE run_uuid = %s AND key = 'ndcg'", (run,))
        assert cursor.fetchone() == (0.5,)
    objects = client(mlflow_server).list_objects_v2(Bucket="mlflow")["Contents"]
    assert [entry["Key"] for entry in objects if entry["Key"].endswith(f"{run}/artifacts/note.txt")]


def test_mlflow_answers_to_no_other_name(mlflow_server: Settings) -> None:
    page = f"{mlflow_server.tracking_uri}/ajax-api/2.0/mlflow/experiments/search?max_results=1"
    assert httpx.get(page, timeout=60).status_code == 200
    asked = httpx.get(page, timeout=60, headers={"Host": "elsewhere.example"})
    assert asked.status_code == 403
