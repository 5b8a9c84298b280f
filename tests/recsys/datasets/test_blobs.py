import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.datasets.blobs import open_blobs
from recsys.errors import ConfigError, StoreError

KEYS = ["a/1.json", "a/2.json", "a b/ü=%.txt", "ab/3.json"]


def test_what_was_put_is_there(blobs):
    blobs.put("folder/name.bin", b"\x00\xff")
    assert blobs.exists("folder/name.bin")
    assert blobs.get("folder/name.bin") == b"\x00\xff"


def test_a_put_replaces_the_whole_object(blobs):
    blobs.put("name", b"a long first content")
    blobs.put("name", b"short")
    assert blobs.get("name") == b"short"


def test_an_empty_object_is_an_object(blobs):
    blobs.put("empty", b"")
    assert blobs.exists("empty")
    assert blobs.get("empty") == b""


def test_listing_goes_by_prefix_of_the_key_and_is_sorted(blobs):
    assert blobs.list("") == []
    for key in reversed(KEYS):
        blobs.put(key, b"x")
    assert blobs.list("") == sorted(KEYS)
    assert blobs.list("a/") == ["a/1.json", "a/2.json"]
    assert blobs.list("a") == sorted(KEYS)
    assert blobs.list("none/") == []


def test_deleted_is_gone_and_deleting_again_is_no_error(blobs):
    blobs.put("name", b"x")
    blobs.delete("name")
    blobs.delete("name")
    assert not blobs.exists("name")
    assert blobs.list("") == []


@pytest.mark.parametrize("read", ["get", "download"])
def test_a_missing_object_says_what_to_do(blobs, tmp_path, read):
    with pytest.raises(StoreError, match=r"found no object .*no/such.*; expected .*RECSYS_DATA_URL"):
        blobs.get("no/such") if read == "get" else blobs.download("no/such", tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_files_go_up_and_come_down(blobs, tmp_path):
    (tmp_path / "up").write_bytes(b"content" * 100_000)
    blobs.upload(tmp_path / "up", "folder/name")
    blobs.download("folder/name", tmp_path / "new folder" / "down")
    assert (tmp_path / "new folder" / "down").read_bytes() == b"content" * 100_000
    assert [file.name for file in (tmp_path / "new folder").iterdir()] == ["down"]


def test_polars_reads_an_object_where_it_lies(blobs, tmp_path):
    frame = pl.DataFrame({"number": [1, 2, 3]})
    frame.write_parquet(tmp_path / "frame.parquet")
    blobs.upload(tmp_path / "frame.parquet", "frames/one=1.parquet")
    found = pl.scan_parquet(blobs.location("frames/one=1.parquet"), storage_options=blobs.storage_options)
    assert found.select(pl.col("number").sum()).collect().item() == 6


def test_it_knows_when_an_object_was_put(blobs):
    blobs.put("folder/name", b"x")
    age = datetime.now(UTC) - blobs.modified("folder/")["folder/name"]
    assert timedelta(seconds=-5) < age < timedelta(hours=1)


def test_a_reader_never_sees_half_an_object(blobs):
    contents = [bytes([number]) * 200_000 for number in range(4)]
    blobs.put("name", contents[0])
    stop = threading.Event()

    def write(content):
        while not stop.is_set():
            blobs.put("name", content)

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, content) for content in contents[:2]]
        try:
            seen = {blobs.get("name") for _ in range(60)}
        finally:
            stop.set()
        for writer in writers:
            writer.result()
    assert seen <= set(contents)


@pytest.mark.parametrize("key", ["../outside", "a//b", "/root", "a/./b", ""])
def test_a_local_key_stays_in_the_folder(settings, tmp_path, key):
    with pytest.raises(StoreError, match="found the key"):
        open_blobs(str(tmp_path / "objects"), settings).put(key, b"x")


def test_what_a_dead_writer_left_is_not_an_object(settings, tmp_path):
    store = open_blobs(str(tmp_path), settings)
    store.put("a/name", b"x")
    (tmp_path / "a" / ".part-1234").write_bytes(b"ha")
    assert store.list("") == ["a/name"]
    assert list(store.modified("")) == ["a/name"]


def test_a_write_that_fails_leaves_the_old_object_and_no_rest(settings, tmp_path):
    store = open_blobs(str(tmp_path / "objects"), settings)
    store.put("name", b"old")
    with pytest.raises(StoreError):
        store.upload(tmp_path / "missing", "name")
    assert store.get("name") == b"old"
    assert [file.name for file in (tmp_path / "objects").iterdir()] == ["name"]


@pytest.mark.parametrize("url", ["", "gs://bucket/x", "s3://"])
def test_a_url_of_another_kind_is_refused(settings, url):
    with pytest.raises(ConfigError, match="RECSYS_DATA_URL"):
        open_blobs(url, settings)


@pytest.mark.platform
def test_s3_says_which_bucket_or_key_is_wrong(s3):
    with pytest.raises(StoreError, match=r"NoSuchBucket.*RECSYS_DATA_URL"):
        open_blobs("s3://no-such-bucket", s3).list("")
    stranger = s3.model_copy(update={"aws_access_key_id": "stranger"})
    with pytest.raises(StoreError, match="AWS_ACCESS_KEY_ID"):
        open_blobs(s3.data_url, stranger).put("name", b"x")


@pytest.mark.usefixtures("hasty_s3")
def test_s3_that_does_not_answer_is_told_with_its_address(settings):
    with pytest.raises(StoreError, match=settings.s3_endpoint_url):
        open_blobs("s3://bucket", settings).get("name")
