import asyncio
import os

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import StoreError, UnknownReleaseError
from recsys.serving import publishing
from recsys.serving.migrate import migrate
from recsys.serving.postgres_release import PostgresRelease
from recsys.serving.reading import ANYTHING, Filters, ReleaseKey
from recsys.serving.snapshot import Snapshot
from recsys.serving.snapshot import snapshot as reading_snapshots
from recsys.serving.snapshot.release import SnapshotRelease
from recsys.serving.snapshot.writing import write_snapshot
from recsys.serving.told import OffSale, Told
from recsys.testing.small_release import BOUGHT, CATALOGUE, NOON, SEEN, SITE, SLATES, UNAVAILABLE, write_small_release

KEY = ReleaseKey(SITE, "first", NOON, NOON)


@pytest.fixture(scope="module")
def dsn(postgres, tmp_path_factory):
    from recsys.local.servers.postgres import create_database

    create_database(postgres, "snapshots")
    dsn = postgres.model_copy(update={"recsys_postgres_database": "snapshots"}).postgres_dsn()
    migrate(dsn)
    folder = tmp_path_factory.mktemp("release")
    publishing.record_release(dsn, SITE, "first", as_of=NOON, at=NOON, state="gated")
    publishing.publish(dsn, SITE, "first", folder, write_small_release(folder))
    return dsn


def written(dsn, path, most_users=1000):
    asyncio.run(write_snapshot(dsn, "first", path, most_users=most_users))
    return path


@pytest.fixture(scope="module")
def path(dsn, tmp_path_factory):
    return written(dsn, tmp_path_factory.mktemp("snapshots") / "first.snapshot")


@pytest.fixture(scope="module")
def snapshot(path):
    return Snapshot(path)


def both(dsn, snapshot, ask, told=None):
    """What the snapshot and the tables answer."""

    async def asked():
        async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
            tables = PostgresRelease(pool, KEY)
            mapped = SnapshotRelease(snapshot, tables, lambda: told or Told(KEY))
            return await ask(mapped), await ask(tables)

    return asyncio.run(asked())


def test_it_says_what_it_holds(snapshot):
    assert snapshot.key == KEY
    assert (snapshot.header.items, snapshot.header.users, snapshot.header.all_users) == (12, 5, True)
    assert snapshot.users(0, 10) == sorted(SLATES)


@pytest.mark.parametrize("user", [*SLATES, "never seen", ""])
def test_every_slate_is_as_in_the_tables(dsn, snapshot, user):
    mapped, tables = both(dsn, snapshot, lambda reader: reader.slate(user))
    assert (mapped is None) == (tables is None) == (user not in SLATES)
    if mapped is not None:
        assert list(mapped.rows) == list(tables.rows) == list(mapped.rows)
        assert mapped.excluded == tables.excluded
        assert list(mapped.bought) == list(tables.bought) == BOUGHT.get(user, [])
        assert list(mapped.seen) == list(tables.seen) == SEEN.get(user, [])


def test_slates_of_many_are_as_in_the_tables(dsn, snapshot, tmp_path):
    small = Snapshot(written(dsn, tmp_path / "small", most_users=2))
    for opened in (snapshot, small):
        mapped, tables = both(dsn, opened, lambda reader: reader.slates([*SLATES, "never seen", "anna"]))
        assert mapped.keys() == tables.keys() == SLATES.keys()
        assert all(list(mapped[user].rows) == list(tables[user].rows) for user in SLATES)


@pytest.mark.parametrize("few", [0, 2000])
@pytest.mark.parametrize(
    "filters",
    [
        ANYTHING,
        Filters(category="books"),
        Filters(category="no such"),
        Filters(min_price=3.0),
        Filters(max_price=9.0, category="toys"),
        Filters(min_price=2.0, max_price=2.0),
        Filters(only=frozenset({"i03", "i12", "i10", "no such"})),
        Filters(only=frozenset({"i03", "i04", "i10"}), category="books", max_price=9.0),
        Filters(only=frozenset()),
    ],
)
def test_shelf_and_catalogue_are_as_in_the_tables(dsn, snapshot, filters, few, monkeypatch):
    monkeypatch.setattr(reading_snapshots, "FEW", few)

    async def ask(reader):
        slate = await reader.slate("anna")
        shelf = await reader.shelf(similar_to=["i01", "i05", "no such"], filters=filters, slates=[slate])
        catalogue = await reader.catalogue(filters=filters, without={"i02"}, limit=7)
        found = {name: (list(near.item_ids), list(near.scores)) for name, near in shelf.similar.items()}
        known = {item for item in CATALOGUE if shelf.item(item)} & {item for item, *_ in slate.rows}
        return found, list(shelf.popular.item_ids), list(shelf.popular.scores), known, catalogue

    mapped, tables = both(dsn, snapshot, ask)
    assert mapped == tables
    assert UNAVAILABLE not in mapped[3]


def test_items_are_described_as_in_the_tables(dsn, snapshot):
    mapped, tables = both(dsn, snapshot, lambda reader: reader.items([*CATALOGUE, "no such"]))
    assert mapped == tables
    assert mapped.keys() == set(CATALOGUE)


def test_what_went_off_sale_is_not_on_the_shelf(dsn, snapshot):
    told = Told(KEY)
    told.item("i02", OffSale(NOON, NOON))

    async def ask(reader):
        shelf = await reader.shelf(similar_to=[], filters=ANYTHING, slates=[])
        return shelf.item("i02"), [
            item.item_id for item in await reader.catalogue(filters=ANYTHING, without=(), limit=2)
        ]

    assert both(dsn, snapshot, ask, told)[0] == (None, ["i10", "i06"])


def test_a_forgotten_user_has_no_slate(dsn, snapshot):
    told = Told(KEY)
    told.forget("anna", NOON)
    assert both(dsn, snapshot, lambda reader: reader.slate("anna"), told)[0] is None


def test_users_beyond_its_limit_are_read_from_the_tables(dsn, tmp_path):
    small = Snapshot(written(dsn, tmp_path / "small", most_users=2))
    assert (small.header.users, small.header.all_users) == (2, False)
    assert small.slate("one_item") is None

    async def ask(reader):
        return [list((await reader.slate("one_item")).rows) for _ in range(2)]

    mapped, tables = both(dsn, small, ask)
    assert mapped == tables


def test_two_writings_are_equal_bytes(dsn, path, tmp_path):
    assert written(dsn, tmp_path / "again").read_bytes() == path.read_bytes()


def test_an_unknown_release_has_none(dsn, tmp_path):
    with pytest.raises(UnknownReleaseError, match="no published release 'second'"):
        asyncio.run(write_snapshot(dsn, "second", tmp_path / "second", most_users=1))
    assert not (tmp_path / "second").exists()


@given(cut=st.floats(0, 0.999))
def test_a_cut_file_is_refused(path, tmp_path_factory, cut):
    broken = tmp_path_factory.mktemp("cut") / "broken"
    content = path.read_bytes()
    broken.write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(StoreError, match=r"it is made again|cut or changed"):
        Snapshot(broken)


def test_a_changed_byte_is_noticed(path, tmp_path):
    broken = tmp_path / "broken"
    broken.write_bytes(path.read_bytes())
    with broken.open("r+b") as file:
        file.seek(-16, os.SEEK_END)
        file.write(b"\xff" * 4)
    with pytest.raises(StoreError, match="seen"):
        Snapshot(broken)
