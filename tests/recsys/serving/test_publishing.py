import subprocess
import sys

import polars as pl
import pytest

from recsys.errors import ReleaseError, SchemaError, SourceError, StoreError, UnknownReleaseError
from recsys.serving import publishing
from recsys.serving.postgres import transaction
from recsys.testing.small_release import NOON, SIMILAR, SITE, SLATES, write_small_release


def rows(dsn, query, *values):
    with transaction(dsn) as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def tables(dsn):
    """The release tables, without their parents."""
    query = "SELECT relname FROM pg_class WHERE relnamespace = 'recsys'::regnamespace AND relkind = 'r' "
    return {name for (name,) in rows(dsn, query + "AND relname ~ '_[0-9a-f]{24}$'")}


@pytest.fixture
def recorded(dsn, tmp_path):
    """A release that is known and has its files, and is not published yet."""
    counts = write_small_release(tmp_path / "next")
    publishing.record_release(dsn, SITE, "next", as_of=NOON, at=NOON, state="gated")
    return tmp_path / "next", counts


def test_what_was_written_is_what_was_in_the_files(dsn, recorded):
    folder, counts = recorded
    assert publishing.publish(dsn, SITE, "next", folder, counts) == counts
    slates = {user: items for user, *items in rows(dsn, "SELECT user_id, item_ids, scores, sources FROM recsys.slate")}
    assert slates.keys() == SLATES.keys()
    for user, (item_ids, scores, sources) in slates.items():
        assert item_ids == [item for item, _, _, _ in SLATES[user]]
        assert scores == pytest.approx([score for _, score, _, _ in SLATES[user]])
        assert sources == [source for _, _, source, _ in SLATES[user]]
    similar = dict(rows(dsn, "SELECT item_id, item_ids FROM recsys.similar"))
    assert similar == {item: [near for near, _ in neighbours] for item, neighbours in SIMILAR.items()}
    ranked = rows(dsn, "SELECT item_id FROM recsys.item ORDER BY popularity_rank")
    assert [item for (item,) in ranked[:5]] == ["i10", "i02", "i12", "i06", "i01"]


def test_a_count_that_differs_publishes_nothing_and_leaves_the_live_release(dsn, published, recorded):
    live = published(live=True)
    folder, counts = recorded
    before = tables(dsn)
    with pytest.raises(StoreError, match=r"recommendations\.parquet: 5 rows, expected 6; nothing was published"):
        publishing.publish(dsn, SITE, "next", folder, counts | {"recommendations.parquet": 6})
    assert tables(dsn) == before
    assert publishing.live_release(dsn, SITE).release_id == live
    with pytest.raises(ReleaseError, match="has no rows in Postgres"):
        publishing.activate(dsn, SITE, "next", NOON)


def test_a_manifest_that_does_not_count_a_file_is_refused(dsn, recorded):
    folder, counts = recorded
    del counts["items.parquet"]
    with pytest.raises(StoreError, match=r"counts no rows of items\.parquet"):
        publishing.publish(dsn, SITE, "next", folder, counts)


def test_publishing_twice_is_publishing_once(dsn, recorded):
    folder, counts = recorded
    publishing.publish(dsn, SITE, "next", folder, counts)
    once = tables(dsn)
    assert publishing.publish(dsn, SITE, "next", folder, counts) == counts
    publishing.activate(dsn, SITE, "next", NOON)
    assert publishing.publish(dsn, SITE, "next", folder, counts) == counts
    assert tables(dsn) == once


def test_killed_in_the_middle_and_published_again(dsn, published, recorded):
    """The process dies by SIGKILL while it holds half of the slates; the live release is read all along."""
    live = published(live=True)
    folder, counts = recorded
    before = tables(dsn)
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from recsys.serving import publishing, release_parts\n"
        "def half(part, folder, batches=release_parts.read_batches):\n"
        "    for frame in batches(part, folder):\n"
        "        yield frame.head(2)\n"
        "        print('half', flush=True)\n"
        "        signal.pause()\n"
        "release_parts.read_batches = half\n"
        f"publishing.publish(sys.argv[1], {SITE!r}, 'next', Path(sys.argv[2]), {counts!r})\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, dsn, str(folder)], stdout=subprocess.PIPE, text=True)
    with writer:
        assert writer.stdout.readline() == "half\n"
        writer.kill()
    assert publishing.live_release(dsn, SITE).release_id == live
    assert publishing.publish(dsn, SITE, "next", folder, counts) == counts
    assert len(tables(dsn)) == 2 * len(before)
    assert publishing.live_release(dsn, SITE).release_id == live


def test_what_is_missing_is_named(dsn, recorded):
    folder, counts = recorded
    with pytest.raises(UnknownReleaseError, match="no release 'other'"):
        publishing.publish(dsn, SITE, "other", folder, counts)
    pl.DataFrame({"item_id": ["i01"]}).write_parquet(folder / "similar.parquet")
    with pytest.raises(SchemaError, match=r"similar\.parquet: missing similar_item_id, score, rank"):
        publishing.publish(dsn, SITE, "next", folder, counts)
    (folder / "similar.parquet").write_bytes(b"not parquet")
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        publishing.publish(dsn, SITE, "next", folder, counts)
    (folder / "similar.parquet").unlink()
    with pytest.raises(SourceError, match=r"found no similar\.parquet"):
        publishing.publish(dsn, SITE, "next", folder, counts)


def test_lists_of_different_lengths_are_refused(dsn, recorded):
    folder, counts = recorded
    users = pl.read_parquet(folder / "recommendations.parquet")
    users.with_columns(pl.col("scores").list.head(1)).write_parquet(folder / "recommendations.parquet")
    with pytest.raises(SchemaError, match="lists of different lengths"):
        publishing.publish(dsn, SITE, "next", folder, counts)


def test_a_refused_release_is_not_published(dsn, recorded):
    folder, counts = recorded
    publishing.record_release(dsn, SITE, "next", as_of=NOON, at=NOON, state="refused", reason="worse than popularity")
    with pytest.raises(ReleaseError, match="worse than popularity"):
        publishing.publish(dsn, SITE, "next", folder, counts)


def test_retiring_takes_rows_and_never_the_live_or_the_way_back(dsn, published):
    ids = [published(live=True) for _ in range(5)]
    publishing.rollback(dsn, SITE, NOON)
    assert publishing.live_release(dsn, SITE).release_id == ids[3]
    for old in ids[:2]:
        publishing.retire(dsn, SITE, old)
    for kept in ids[2:4]:
        with pytest.raises(ReleaseError, match="next in line for a roll back"):
            publishing.retire(dsn, SITE, kept)
    assert [r.release_id for r in publishing.releases(dsn, SITE) if r.published] == [ids[4], ids[3], ids[2]]
    assert publishing.rollback(dsn, SITE, NOON).release_id == ids[2]
    with pytest.raises(ReleaseError, match="no earlier release"):
        publishing.rollback(dsn, SITE, NOON)
    with pytest.raises(ReleaseError, match="publish it again first"):
        publishing.activate(dsn, SITE, ids[0], NOON)


def test_readers_are_not_stopped_while_a_release_is_written(dsn, published, recorded):
    published(live=True)
    folder, counts = recorded
    impatient = f"{dsn}?options=-c%20lock_timeout%3D30s"  # what waits for a reader's lock is refused
    with transaction(dsn) as reading:
        reading.execute("SELECT count(*) FROM recsys.slate")
        publishing.publish(impatient, SITE, "next", folder, counts)
        publishing.activate(impatient, SITE, "next", NOON)
