"""Files that a source reads: on disk or on S3, named by a pattern, compressed or not.

How a file is compressed is told by its name (``.gz``, ``.zst``), else by its first bytes. What is cut off, broken or
not what its name says is an error that names the file; a reader never ends early in silence.
"""

import glob
import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa

from recsys.errors import SourceError
from recsys.events.s3_objects import S3_SCHEME, S3Objects
from recsys.layout import Settings

CODECS: Final = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}
MAGIC: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
READ_AT_ONCE: Final = 1 << 20
"Bytes."


class RawFile:
    """One file; reading it is the only way to know its hash."""

    def __init__(self, name: str, location: str, objects: S3Objects | None = None) -> None:
        self.name = name
        "Its path below the part of the pattern that has no wildcard: unique among the files found together."
        self.location = location
        "Where it lies, for a person."
        self.objects = objects
        "The S3 that it lies on; None: on disk."
        self._sha256: str | None = None

    @property
    def sha256(self) -> str:
        """Of the bytes as they are stored; known once the file was read to its end."""
        if self._sha256 is None:
            raise SourceError(f"{self.location}: its hash was asked for before it was read to the end; read it first")
        return self._sha256

    def digest(self) -> str:
        """Reads the bytes as they are stored, and not what they say."""
        with self.open_stored():
            return self.sha256

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """The content as a stream, decompressed.

        Raises:
            SourceError: also while reading: the file is missing, a folder, cut off, or not compressed as it says.
        """
        with self._stored() as stored:
            hashing = _Hashing(stored)
            plain: Any = hashing
            if codec := self._codec(stored):
                plain = pa.CompressedInputStream(pa.PythonFile(io.BufferedReader(hashing, READ_AT_ONCE)), codec)

            def at_end() -> None:
                self._sha256 = hashing.digest.hexdigest()

            with io.BufferedReader(
                _Content(plain, lambda fault: self._broken(codec, fault), at_end), READ_AT_ONCE
            ) as reader:
                yield cast(io.BufferedReader, reader)

    @contextmanager
    def open_stored(self) -> Iterator[BinaryIO]:
        """The bytes as they are stored, to jump about in (Parquet); ``sha256`` is known from the start.

        Raises:
            SourceError: the file is missing, or a folder.
        """
        with self._stored() as stored:
            self._sha256 = hashlib.file_digest(cast(io.BufferedReader, stored), "sha256").hexdigest()
            stored.seek(0)
            yield stored

    def _stored(self) -> AbstractContextManager[BinaryIO]:
        if self.objects is not None:
            return self._downloaded(self.objects)
        try:
            return open(self.location, "rb")
        except IsADirectoryError:
            raise SourceError(_a_folder(self.location)) from None
        except OSError as fault:
            raise SourceError(f"cannot read {self.location}: {fault.strerror}; expected a readable file") from None

    @contextmanager
    def _downloaded(self, objects: S3Objects) -> Iterator[BinaryIO]:
        """A copy on disk while it is read: a long read never outlives its connection."""
        with tempfile.TemporaryFile(prefix="recsys-") as copy:
            objects.download(self.location, copy)
            copy.seek(0)
            yield copy

    def _broken(self, codec: str | None, fault: Exception) -> SourceError:
        expected = f"whole {codec} data" if codec else "a readable file"
        return SourceError(f"{self.location}: found broken data ({fault}), expected {expected}; fetch the file again")

    def _codec(self, stored: BinaryIO) -> str | None:
        start = stored.read(4)
        stored.seek(0)
        named = next((codec for suffix, codec in CODECS.items() if self.location.endswith(suffix)), None)
        if named and not start:
            raise SourceError(
                f"{self.location}: found an empty file, expected {named}, which is never empty; fetch it again"
            )
        return named or next((codec for magic, codec in MAGIC.items() if start.startswith(magic)), None)


def find(pattern: str, settings: Settings, *, required: bool = True) -> list[RawFile]:
    """The files that ``pattern`` names, sorted by name.

    Args:
        pattern: a path or ``s3://bucket/key``; ``*``, ``?`` and ``[…]`` match within a folder's or file's name, ``**``
            any folders. A path that exists is that file, whatever characters its name has.
        settings: where S3 is, and its keys.
        required: False: it is fine if there is none.

    Raises:
        SourceError: nothing matches, or a folder is where a file should be.
        StoreError: S3 gives no answer.
    """
    if pattern.startswith(S3_SCHEME):
        objects = S3Objects(settings)
        found = objects.matching(pattern)
        if not found and objects.matching(pattern.rstrip("/") + "/**"):
            raise SourceError(_a_folder(pattern))
    else:
        objects = None
        found = [pattern] if os.path.lexists(pattern) else glob.glob(pattern, recursive=True)
        folders = [path for path in found if os.path.isdir(path)]
        if folders and "**" not in pattern:
            raise SourceError(_a_folder(folders[0]))
        found = [path for path in found if path not in folders]
    if required and not found:
        raise SourceError(
            f"found no file {pattern}; expected at least one. Correct the path in source.params of the site's YAML, "
            "or bring the files there"
        )
    start = _fixed_part(pattern) if found != [pattern] else pattern.rpartition("/")[0] + "/"
    return sorted(
        (RawFile(path.removeprefix(start).lstrip("/"), path, objects) for path in found), key=lambda file: file.name
    )


def local_file(path: Path) -> RawFile:
    """The one file at ``path``, under its own name."""
    return RawFile(path.name, str(path))


def _fixed_part(pattern: str) -> str:
    """The folders before the first wildcard."""
    wild = min((pattern.index(sign) for sign in "*?[" if sign in pattern), default=len(pattern))
    return pattern[: pattern.rfind("/", 0, wild) + 1]


def _a_folder(location: str) -> str:
    return (
        f"{location}: found a folder, expected a file. To read all files in it, name them in source.params of the "
        f"site's YAML, such as {location.rstrip('/')}/*.csv"
    )


class _Hashing(io.RawIOBase):
    """The stored bytes, and the hash of those read so far."""

    def __init__(self, stored: BinaryIO) -> None:
        self._stored = cast(io.BufferedReader, stored)
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._stored.readinto(buffer)
        self.digest.update(memoryview(buffer)[:count])
        return count


class _Content(io.RawIOBase):
    """The plain bytes; ``at_end`` is called after the last one. What cannot be read is an error that names the file."""

    def __init__(self, plain: Any, broken: Callable[[Exception], SourceError], at_end: Callable[[], None]) -> None:
        self._plain, self._broken, self._at_end = plain, broken, at_end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            count = int(self._plain.readinto(buffer))
        except (OSError, pa.ArrowException) as fault:
            raise self._broken(fault) from None
        if not count:
            self._at_end()
        return count
