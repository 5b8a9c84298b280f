"""What the web service's role may do, and above all what it may not."""

from contextlib import closing

import psycopg2
import pytest
from psycopg2 import errors, sql

from recsys.local.servers.postgres import create_database
from recsys.serving.migrate import migrate
from recsys.serving.postgres import transaction
from recsys.serving.web_role import GRANTS, ROLE, let_in

TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'recsys'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""


@pytest.fixture
def web_role(postgres, serving_database, published):
    """Connects as the role, by name of the database; there is a live release."""
    published("first", live=True)
    let_in(serving_database, "a password")

    def connect(database="serving"):
        place = {"host": postgres.recsys_postgres_host, "port": postgres.recsys_postgres_port}
        return closing(psycopg2.connect(dbname=database, user=ROLE, password="a password", **place))

    return connect


def test_every_table_says_what_the_web_service_may_do_with_it(dsn):
    with transaction(dsn) as cursor:
        cursor.execute(TABLES)
        tables = {name for (name,) in cursor.fetchall()}
    assert tables - GRANTS.keys() == set(), "a new table needs its line in recsys/serving/web_role.py; '' for nothing"
    assert GRANTS.keys() - tables == set()


FORBIDDEN = [
    "DROP TABLE recsys.event",
    "ALTER TABLE recsys.event ADD COLUMN more text",
    "ALTER TABLE recsys.slate DISABLE TRIGGER ALL",
    "TRUNCATE recsys.event",
    "UPDATE recsys.event SET user_id = 'ben'",
    "UPDATE recsys.impression SET item_ids = '{}'",
    "INSERT INTO recsys.slate SELECT * FROM recsys.slate",
    "UPDATE recsys.slate SET item_ids = '{}'",
    "UPDATE recsys.item SET available = true",
    "DELETE FROM recsys.item",
    "DELETE FROM recsys.similar",
    "UPDATE recsys.popular SET item_ids = '{}'",
    "UPDATE recsys.ranker_file SET content = ''",
    "INSERT INTO recsys.release SELECT * FROM recsys.release",
    "UPDATE recsys.release SET manifest = '{}'",
    "UPDATE recsys.release SET site = 'other'",
    "DELETE FROM recsys.release",
    "DELETE FROM recsys.live_release",
    "UPDATE recsys.release_change SET changed_by = 'nobody'",
    "DELETE FROM recsys.release_change",
    "INSERT INTO recsys.api_key SELECT * FROM recsys.api_key",
    "UPDATE recsys.api_key SET scopes = '{admin}'",
    "DELETE FROM recsys.erasure",
    "DELETE FROM recsys.migration",
    "CREATE TABLE recsys.mine (id int)",
    "CREATE TABLE public.mine (id int)",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY recsys.event TO PROGRAM 'cat'",
    "SELECT rolpassword FROM pg_authid",
]


def test_it_cannot_change_what_is_not_its_own(web_role, postgres):
    become = sql.SQL("SET ROLE {}").format(sql.Identifier(postgres.recsys_postgres_user))
    with web_role() as connection, connection.cursor() as cursor:
        for statement in (*FORBIDDEN, become):
            with pytest.raises(errors.InsufficientPrivilege):
                cursor.execute(statement)
            connection.rollback()


def test_it_cannot_enter_the_databases_of_mlflow_and_airflow(web_role, postgres):
    for name in ("mlflow", "airflow"):
        create_database(postgres, name)
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            web_role(name)


def test_rights_that_were_given_by_hand_are_gone_with_the_next_migration(web_role, dsn):
    with transaction(dsn) as cursor:
        cursor.execute("GRANT DELETE ON recsys.release TO recsys_web")
    migrate(dsn)
    with web_role() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM recsys.release")
        with pytest.raises(errors.InsufficientPrivilege):
            cursor.execute("DELETE FROM recsys.release")


def test_a_password_that_opens_already_is_left_and_another_one_is_set(web_role, dsn):
    def version():
        with transaction(dsn) as cursor:
            cursor.execute("SELECT xmin::text FROM pg_authid WHERE rolname = %s", (ROLE,))
            return cursor.fetchone()

    before = version()
    let_in(dsn, "a password")
    assert version() == before
    let_in(dsn, "another")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        web_role()
