"""Whole objects under keys, on local disk or S3. A reader sees the old object or the new one, never half of one."""

from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from recsys.datasets.local_blobs import LocalBlobs
from recsys.datasets.s3_blobs import S3Blobs
from recsys.errors import ConfigError
from recsys.layout import Settings

__all__ = ["Blobs", "LocalBlobs", "S3Blobs", "open_blobs"]


class Blobs(Protocol):
    """An object store. Keys are relative paths with slashes, e.g. ``events/shop/manifests/2026-01-31.json``.

    Every method raises StoreError when the store does not answer; those that read or move one object, also when the
    key is missing. Safe to use from several threads and processes at once.
    """

    def put(self, key: str, content: bytes) -> None:
        """Afterwards the object is ``content``, whole and durable; an older one is replaced in one step."""
        ...

    def get(self, key: str) -> bytes: ...

    def upload(self, file: Path, key: str) -> None:
        """``put`` for a file of any size."""
        ...

    def download(self, key: str, file: Path) -> None:
        """Afterwards ``file`` is the object, replaced in one step; its folder is made."""
        ...

    def exists(self, key: str) -> bool: ...

    def list(self, prefix: str) -> list[str]:
        """Keys that start with ``prefix``, sorted."""
        ...

    def modified(self, prefix: str) -> dict[str, datetime]:
        """When each key that starts with ``prefix`` was last put, UTC."""
        ...

    def sizes(self, prefix: str) -> dict[str, int]:
        """Bytes of each key that starts with ``prefix``."""
        ...

    def delete(self, key: str) -> None:
        """Afterwards there is no such object; deleting a missing one is no error."""
        ...

    def location(self, key: str) -> str:
        """Where ``polars.scan_parquet`` finds the object, together with ``storage_options``."""
        ...

    @property
    def storage_options(self) -> dict[str, str] | None:
        """What Polars needs beside the location; None on local disk. Holds secrets: never print it."""
        ...


def open_blobs(url: str, settings: Settings) -> Blobs:
    """The store at ``url``: ``s3://bucket/prefix``, or a folder. Does no I/O.

    Raises:
        ConfigError: ``url`` is of another kind.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc:
        return S3Blobs(
            bucket=parts.netloc,
            prefix=parts.path.strip("/"),
            endpoint_url=settings.s3_endpoint_url,
            access_key_id=settings.aws_access_key_id,
            secret_access_key=settings.aws_secret_access_key.get_secret_value(),
            region=settings.aws_default_region,
        )
    if "://" in url or not url:
        raise ConfigError(f"found RECSYS_DATA_URL={url!r}, expected s3://bucket/prefix or a folder")
    return LocalBlobs(Path(url))
