"""Objects on S3 that a source reads, by their full names ``s3://bucket/key``."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, Final

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from recsys.errors import SourceError, StoreError
from recsys.layout import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

S3_SCHEME: Final = "s3://"
WILDCARD: Final = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]]+\]")
MISSING: Final = {"NoSuchKey", "NoSuchBucket", "404", "NotFound"}


class S3Objects:
    """Connects on first use. Without keys, those of the machine's own AWS configuration are used."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def matching(self, pattern: str) -> list[str]:
        """The names of the objects that match, sorted; folder markers are left out."""
        bucket, key = _parts(pattern)
        first = WILDCARD.search(key)
        prefix = key[: first.start()] if first else key
        wanted = re.compile(f"{_as_regex(key)}|{re.escape(key)}", re.DOTALL)
        with self._refusals(pattern):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
        return sorted(f"{S3_SCHEME}{bucket}/{key}" for key in keys if not key.endswith("/") and wanted.fullmatch(key))

    def download(self, name: str, target: BinaryIO) -> None:
        """Writes the whole object to ``target``."""
        bucket, key = _parts(name)
        with self._refusals(name):
            self.client.download_fileobj(bucket, key, target)

    @cached_property
    def client(self) -> "S3Client":
        settings = self._settings
        return boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint_url,
            aws_access_key_id=settings.aws_access_key_id or None,
            aws_secret_access_key=settings.aws_secret_access_key.get_secret_value() or None,
            region_name=settings.aws_default_region,
            config=Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 5}),
        )

    @contextmanager
    def _refusals(self, name: str) -> Iterator[None]:
        try:
            yield
        except ClientError as refusal:
            code = refusal.response["Error"]["Code"]
            if code in MISSING:
                raise SourceError(
                    f"found no {name} on S3 ({code}); expected a bucket and objects there. Correct the path in "
                    "source.params of the site's YAML"
                ) from None
            raise StoreError(
                f"S3 at {self._settings.s3_endpoint_url} answered {code} for {name!r}; expected a bucket that these "
                "keys may read. Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from refusal
        except (BotoCoreError, Boto3Error) as fault:
            raise StoreError(
                f"S3 at {self._settings.s3_endpoint_url} gave no answer for {name!r}: {fault}. Start it, or set "
                "RECSYS_S3_ENDPOINT_URL"
            ) from fault


def _parts(name: str) -> tuple[str, str]:
    bucket, _, key = name.removeprefix(S3_SCHEME).partition("/")
    if not bucket or not key:
        raise SourceError(f"found {name!r}, expected s3://bucket/key; correct the path in the site's YAML")
    return bucket, key


def _as_regex(pattern: str) -> str:
    """The wildcards of a path as a regular expression; ``*`` and ``?`` stay within one folder."""
    regex, end = "", 0
    for sign in WILDCARD.finditer(pattern):
        regex += re.escape(pattern[end : sign.start()])
        end = sign.end()
        match sign.group():
            case "**/":
                regex += "(?:.*/)?"
            case "**":
                regex += ".*"
            case "*":
                regex += "[^/]*"
            case "?":
                regex += "[^/]"
            case chosen:
                signs = re.escape(chosen[1:-1].removeprefix("!")).replace(r"\-", "-")
                regex += f"[{'^' * chosen.startswith('[!')}{signs}]"
    return regex + re.escape(pattern[end:])
