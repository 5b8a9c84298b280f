"""The files that a saved model is made of."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from recsys.errors import ReleaseError


def require_files(folder: Path, names: Iterable[str], *, expected: str) -> None:
    """All of them are in ``folder``.

    Raises:
        ReleaseError: with those that are missing, and what was ``expected``.
    """
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ReleaseError(f"{folder}: found no {', '.join(missing)}, expected {expected}")


def version_of(folder: Path, names: Iterable[str]) -> str:
    """16 hexadecimal digits over names and contents of a model's files."""
    digest = sha256()
    for name in sorted(names):
        digest.update(name.encode() + b"\0" + sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()[:16]
