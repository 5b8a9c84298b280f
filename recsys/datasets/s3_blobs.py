"""Objects of one bucket, under one prefix, of anything that speaks S3."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from recsys.errors import StoreError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

MISSING_KEY = {"NoSuchKey", "404", "NotFound"}
CONNECTIONS = 32


class S3Blobs:
    """Connects on first use. Without keys, those of the machine's own AWS configuration are used."""

    def __init__(
        self, *, bucket: str, prefix: str, endpoint_url: str, access_key_id: str, secret_access_key: str, region: str
    ) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        self._endpoint_url = endpoint_url
        self._access_key_id = access_key_id
        self._secret_access_key = secret_access_key
        self._region = region

    def put(self, key: str, content: bytes) -> None:
        with self._refusals(key):
            self._client.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=content)

    def get(self, key: str) -> bytes:
        with self._refusals(key):
            return self._client.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].read()

    def upload(self, file: Path, key: str) -> None:
        with self._refusals(key):
            self._client.upload_file(str(file), self.bucket, self.prefix + key)

    def download(self, key: str, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".part-") as aside, self._refusals(key):
            self._client.download_file(self.bucket, self.prefix + key, f"{aside}/object")
            os.replace(f"{aside}/object", file)

    def exists(self, key: str) -> bool:
        with self._refusals(key):
            try:
                self._client.head_object(Bucket=self.bucket, Key=self.prefix + key)
            except ClientError as refusal:
                if refusal.response["Error"]["Code"] in MISSING_KEY:
                    return False
                raise
            return True

    def list(self, prefix: str) -> list[str]:
        return sorted(self._name(found) for found in self._objects(prefix))

    def modified(self, prefix: str) -> dict[str, datetime]:
        return {self._name(found): found["LastModified"] for found in self._objects(prefix)}

    def sizes(self, prefix: str) -> dict[str, int]:
        return {self._name(found): found["Size"] for found in self._objects(prefix)}

    def delete(self, key: str) -> None:
        with self._refusals(key):
            self._client.delete_object(Bucket=self.bucket, Key=self.prefix + key)

    def location(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{key}"

    @property
    def storage_options(self) -> dict[str, str]:
        options = {"aws_endpoint_url": self._endpoint_url, "aws_region": self._region}
        if self._endpoint_url.startswith("http://"):
            options["aws_allow_http"] = "true"
        if self._access_key_id:
            options["aws_access_key_id"] = self._access_key_id
            options["aws_secret_access_key"] = self._secret_access_key
        return options

    @cached_property
    def _client(self) -> "S3Client":
        return boto3.client(
            "s3",
            endpoint_url=self._endpoint_url,
            aws_access_key_id=self._access_key_id or None,
            aws_secret_access_key=self._secret_access_key or None,
            region_name=self._region,
            config=Config(
                s3={"addressing_style": "path"},
                max_pool_connections=CONNECTIONS,
                retries={"mode": "standard", "max_attempts": 5},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def _objects(self, prefix: str) -> Iterator["ObjectTypeDef"]:
        with self._refusals(prefix):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix):
                yield from page.get("Contents", ())

    def _name(self, found: "ObjectTypeDef") -> str:
        return found["Key"].removeprefix(self.prefix)

    @contextmanager
    def _refusals(self, key: str) -> Iterator[None]:
        try:
            yield
        except ClientError as refusal:
            code = refusal.response["Error"]["Code"]
            if code in MISSING_KEY:
                raise StoreError(
                    f"found no object {self.location(key)!r}; expected it from an earlier stage. Run that stage, "
                    "or point RECSYS_DATA_URL at the store that has it"
                ) from None
            raise StoreError(
                f"S3 at {self._endpoint_url} answered {code} for {self.location(key)!r}; expected a bucket that these "
                "keys may read and write. Check RECSYS_DATA_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from refusal
        except (BotoCoreError, Boto3Error) as fault:
            raise StoreError(
                f"S3 at {self._endpoint_url} gave no answer for {self.location(key)!r}: {fault}. Start it, "
                "or set RECSYS_S3_ENDPOINT_URL"
            ) from fault
