"""Real servers for tests, each started at most once per session, on free ports, in a folder that is thrown away.

They are started by the same code as `make up`, and every process is gone when the session ends, also after a failure.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import hypothesis
import psycopg2
import pytest
from psycopg2 import sql

from recsys.layout import Settings
from recsys.local.platform import running
from recsys.local.servers.postgres import create_database
from recsys.testing.throwaway import settings_in
from tests.kafka import broker

CreateDatabase = Callable[[], Settings]

UNTIMED = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("same", UNTIMED, derandomize=True)
hypothesis.settings.register_profile("exploring", UNTIMED, max_examples=1000)
hypothesis.settings.load_profile("same")  # the same examples at each run, on every machine

for name in ("COLUMNS", "LINES", "FORCE_COLOR"):  # of the terminal in which the tests happen to run
    os.environ.pop(name, None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Everything local, nothing running."""
    return settings_in(tmp_path)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A running Postgres; use `createdb` for a database of your own."""
    chosen = settings_in(tmp_path_factory.mktemp("postgres"))
    with running(chosen, ["postgres"], say=print):
        yield chosen


@pytest.fixture
def createdb(postgres: Settings) -> Iterator[CreateDatabase]:
    """Makes an empty database at each call and returns settings that name it; dropped after the test."""
    made: list[str] = []
    numbers = itertools.count(1)

    def create() -> Settings:
        made.append(f"test_{next(numbers)}")
        create_database(postgres, made[-1])
        return postgres.model_copy(update={"recsys_postgres_database": made[-1]})

    yield create
    with closing(psycopg2.connect(postgres.postgres_dsn("postgres"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for name in made:
                cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A running S3 server; its data URL lies in a bucket there."""
    chosen = settings_in(tmp_path_factory.mktemp("s3")).model_copy(update={"recsys_data_url": "s3://recsys/data"})
    with running(chosen, ["s3"], say=print):
        yield chosen


@pytest.fixture
def hasty_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """An S3 that gives no answer is asked again as often as ever, but at once."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[broker.Broker]:
    """A running Kafka broker; make a topic of your own. Skipped where there is no Java or no Maven."""
    if missing := broker.missing_tool():
        pytest.skip(missing)
    with broker.running(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A running MLflow with the Postgres and the S3 that it needs."""
    chosen = settings_in(tmp_path_factory.mktemp("mlflow"))
    with running(chosen, ["mlflow"], say=print):
        yield chosen


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Everything that `make up` starts, Airflow included, without the first load."""
    chosen = settings_in(tmp_path_factory.mktemp("platform")).model_copy(update={"recsys_data_url": "s3://recsys/data"})
    with running(chosen, say=print):
        yield chosen
