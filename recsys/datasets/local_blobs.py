"""Objects as files of one folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from recsys.errors import StoreError

ASIDE = ".part-"
"""Files of this prefix are being written, or were when their writer died; they are never listed."""


class LocalBlobs:
    """The folder is made by the first write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def put(self, key: str, content: bytes) -> None:
        with self._refusals(key), _replacing(self._path(key)) as aside:
            aside.write_bytes(content)

    def get(self, key: str) -> bytes:
        with self._refusals(key):
            return self._path(key).read_bytes()

    def upload(self, file: Path, key: str) -> None:
        with self._refusals(key), _replacing(self._path(key)) as aside:
            shutil.copyfile(file, aside)

    def download(self, key: str, file: Path) -> None:
        with self._refusals(key), _replacing(file) as aside:
            shutil.copyfile(self._path(key), aside)

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def list(self, prefix: str) -> list[str]:
        return sorted(self._files(prefix))

    def modified(self, prefix: str) -> dict[str, datetime]:
        return {key: datetime.fromtimestamp(path.stat().st_mtime, UTC) for key, path in self._files(prefix).items()}

    def sizes(self, prefix: str) -> dict[str, int]:
        return {key: path.stat().st_size for key, path in self._files(prefix).items()}

    def delete(self, key: str) -> None:
        with self._refusals(key):
            self._path(key).unlink(missing_ok=True)

    def location(self, key: str) -> str:
        return str(self._path(key))

    @property
    def storage_options(self) -> None:
        return None

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if not set(parts).isdisjoint({"", ".", ".."}):
            raise StoreError(f"found the key {key!r}, expected names joined by single slashes, without . and ..")
        return self.folder.joinpath(*parts)

    def _files(self, prefix: str) -> dict[str, Path]:
        top = self.folder.joinpath(*prefix.split("/")[:-1])
        return {
            key: path
            for path in top.rglob("*")
            if path.is_file()
            and not path.name.startswith(ASIDE)
            and (key := path.relative_to(self.folder).as_posix()).startswith(prefix)
        }

    @contextmanager
    def _refusals(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise StoreError(
                f"found no object {key!r} in {self.folder}; expected it from an earlier stage. Run that stage, "
                "or point RECSYS_DATA_URL at the store that has it"
            ) from None
        except OSError as fault:
            raise StoreError(
                f"{self.folder}: {key!r}: {fault.strerror or fault}; free space or fix the rights"
            ) from fault


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A file beside ``target`` that takes its place at the end, on disk; a failure leaves ``target`` as it was."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=ASIDE)
    aside = Path(name)
    try:
        yield aside
        os.fsync(handle)
        os.chmod(aside, 0o644)
        os.replace(aside, target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
