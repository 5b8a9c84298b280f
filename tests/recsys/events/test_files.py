import gzip
import hashlib
from pathlib import Path

import boto3
import pyarrow as pa
import pytest

from recsys.errors import SourceError, StoreError
from recsys.events.files import find, local_file
from recsys.layout import Settings

TEXT = b"".join(b"%d,caf\xc3\xa9\n" % number for number in range(300_000))


def compressed(codec: str, content: bytes) -> bytes:
    return gzip.compress(content, mtime=0) if codec == "gzip" else pa.compress(content, codec=codec, asbytes=True)


def write(folder: Path, *names: str, content: bytes = b"a\n") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.csv.zst", "gzip without a name", "zstd without a name"])
def test_content_is_read_whole_and_the_hash_is_of_the_stored_bytes(tmp_path, name):
    codec = {"x.csv.gz": "gzip", "x.csv.zst": "zstd"}.get(name) or name.split()[0]
    stored = TEXT if name == "x.csv" else compressed(codec, TEXT[:1_000_000]) + compressed(codec, TEXT[1_000_000:])
    write(tmp_path, name, content=stored)
    file = local_file(tmp_path / name)
    with file.open() as content:
        assert content.read(7) + content.readline() + content.read() == TEXT
    assert file.name == name
    assert file.sha256 == hashlib.sha256(stored).hexdigest()


@pytest.mark.parametrize(("codec", "suffix"), [("gzip", ".gz"), ("zstd", ".zst")])
@pytest.mark.parametrize("fault", ["cut off", "no last byte", "wrong checksum", "junk behind", "plain", "empty"])
def test_compressed_data_that_is_not_whole_is_an_error_that_names_the_file(tmp_path, codec, suffix, fault):
    whole = compressed(codec, TEXT)
    broken = {
        "cut off": whole[: len(whole) // 2],
        "no last byte": whole[:-1],
        "wrong checksum": (whole[:-8] if codec == "gzip" else whole[:-12]) + bytes(8),
        "junk behind": whole + b"junk",
        "plain": TEXT,
        "empty": b"",
    }[fault]
    write(tmp_path, f"x.csv{suffix}", content=broken)
    file = local_file(tmp_path / f"x.csv{suffix}")
    with pytest.raises(SourceError, match=rf"x\.csv{suffix}: found .*, expected .*; fetch"), file.open() as content:
        content.read()
    with pytest.raises(SourceError, match="hash"):
        _ = file.sha256


def test_wildcards_name_many_files_in_order(tmp_path, settings):
    write(tmp_path, "2026/01/b.csv", "2026/01/a.csv", "2026/02/a.csv", "2026/02/a.txt", "a.csv")
    assert [file.name for file in find(f"{tmp_path}/2026/*/*.csv", settings)] == ["01/a.csv", "01/b.csv", "02/a.csv"]
    assert [file.name for file in find(f"{tmp_path}/**/a.csv", settings)] == ["2026/01/a.csv", "2026/02/a.csv", "a.csv"]
    assert [file.name for file in find(f"{tmp_path}/a.csv", settings)] == ["a.csv"]


def test_a_path_that_exists_is_that_file_whatever_its_name(tmp_path, settings):
    write(tmp_path, "odd [1]/what?*.csv", "odd 1/whatever.csv")
    assert [file.name for file in find(f"{tmp_path}/odd [1]/what?*.csv", settings)] == ["what?*.csv"]


def test_a_folder_where_a_file_should_be_is_refused(tmp_path, settings):
    write(tmp_path, "log.csv/part.csv")
    for pattern in ("log.csv", "*.csv"):
        with pytest.raises(SourceError, match=r"log\.csv: found a folder, expected a file"):
            find(f"{tmp_path}/{pattern}", settings)
    with pytest.raises(SourceError, match="found a folder"), local_file(tmp_path / "log.csv").open():
        pass


def test_no_match_and_a_missing_file_are_refused(tmp_path, settings):
    with pytest.raises(SourceError, match=r"found no file .*none\*\.csv; expected at least one"):
        find(f"{tmp_path}/none*.csv", settings)
    with (
        pytest.raises(SourceError, match=r"cannot read .*none\.csv: No such file"),
        local_file(tmp_path / "none.csv").open(),
    ):
        pass


def test_stored_bytes_can_be_jumped_about_in(tmp_path):
    write(tmp_path, "x", content=TEXT)
    file = local_file(tmp_path / "x")
    with file.open_stored() as stored:
        assert file.sha256 == hashlib.sha256(TEXT).hexdigest()
        stored.seek(-5, 2)
        assert stored.read() == TEXT[-5:]


@pytest.fixture(scope="session")
def bucket(s3: Settings) -> Settings:
    client = boto3.client(
        "s3",
        endpoint_url=s3.s3_endpoint_url,
        aws_access_key_id=s3.aws_access_key_id,
        aws_secret_access_key=s3.aws_secret_access_key.get_secret_value(),
        region_name=s3.aws_default_region,
    )
    client.create_bucket(Bucket="drop")
    for key in ("log/2026/01/a.csv", "log/2026/02/b.csv.gz", "log/2026/02/c.txt", "log/[1]?.csv", "log/d.csv/x"):
        client.put_object(Bucket="drop", Key=key, Body=gzip.compress(TEXT, mtime=0) if key.endswith("gz") else TEXT)
    return s3


@pytest.mark.platform
class TestOnS3:
    @pytest.mark.parametrize(
        ("pattern", "names"),
        [
            ("log/2026/*/*.csv*", ["01/a.csv", "02/b.csv.gz"]),
            ("log/2026/**", ["01/a.csv", "02/b.csv.gz", "02/c.txt"]),
            ("log/**/[!a].csv.gz", ["2026/02/b.csv.gz"]),
            ("log/2026/0[1-1]/?.csv", ["01/a.csv"]),
            ("log/[1]?.csv", ["[1]?.csv"]),
        ],
    )
    def test_wildcards_name_many_objects_in_order(self, bucket, pattern, names):
        assert [file.name for file in find(f"s3://drop/{pattern}", bucket)] == names

    def test_content_and_hash(self, bucket):
        (file,) = find("s3://drop/log/2026/02/b.csv.gz", bucket)
        with file.open() as content:
            assert content.read() == TEXT
        assert file.sha256 == hashlib.sha256(gzip.compress(TEXT, mtime=0)).hexdigest()
        assert file.location == "s3://drop/log/2026/02/b.csv.gz"

    def test_what_is_not_there_is_refused(self, bucket):
        with pytest.raises(SourceError, match=r"found no file s3://drop/none\.csv"):
            find("s3://drop/none.csv", bucket)
        with pytest.raises(SourceError, match=r"found no s3://nowhere/\*"):
            find("s3://nowhere/*", bucket)
        with pytest.raises(SourceError, match=r"d\.csv: found a folder, expected a file"):
            find("s3://drop/log/d.csv", bucket)
        with pytest.raises(SourceError, match="expected s3://bucket/key"):
            find("s3://drop", bucket)

    @pytest.mark.usefixtures("hasty_s3")
    def test_a_server_that_is_away_is_told(self, bucket):
        away = bucket.model_copy(update={"recsys_s3_endpoint_url": "http://127.0.0.1:9"})
        with pytest.raises(StoreError, match="gave no answer"):
            find("s3://drop/log/*", away)
