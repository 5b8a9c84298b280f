from concurrent.futures import ThreadPoolExecutor

import pytest

from recsys.errors import StoreError
from recsys.serving.migrate import Migration, migrate, migrations
from recsys.serving.postgres import transaction


@pytest.fixture
def empty(createdb) -> str:
    return createdb().postgres_dsn()


def test_each_file_is_applied_once(empty):
    assert migrate(empty) == [migration.version for migration in migrations()]
    assert migrate(empty) == []


def test_numbers_are_dense_and_every_file_says_why():
    known = migrations()
    assert [migration.version for migration in known] == list(range(1, len(known) + 1))
    assert all(migration.statements.startswith("-- Why: ") for migration in known)


def test_two_that_start_together_apply_each_file_once(empty):
    with ThreadPoolExecutor(4) as starting:
        applied = list(starting.map(lambda _: migrate(empty), range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, len(migrations())]


def test_a_changed_file_is_refused(empty):
    migrate(empty)
    first, *rest = migrations()
    changed = Migration(first.version, first.name, first.statements + "\n-- edited")
    with pytest.raises(StoreError, match=r"0001_releases\.sql was applied and has changed"):
        migrate(empty, [changed, *rest])


def test_a_database_of_a_newer_version_is_refused(empty):
    migrate(empty)
    with pytest.raises(StoreError, match="older than the database"):
        migrate(empty, migrations()[:-1])


def test_a_failing_file_leaves_nothing_behind(empty):
    broken = [Migration(1, "0001_a.sql", "CREATE TABLE recsys.a ()"), Migration(2, "0002_b.sql", "CREATE NONSENSE")]
    with pytest.raises(StoreError, match="syntax error"):
        migrate(empty, broken)
    with transaction(empty) as cursor:
        cursor.execute("SELECT to_regclass('recsys.a'), to_regclass('recsys.migration')")
        assert cursor.fetchone() == (None, None)


def test_no_database_is_a_clear_error(settings):
    with pytest.raises(StoreError, match="Postgres does not answer"):
        migrate(settings.postgres_dsn())
