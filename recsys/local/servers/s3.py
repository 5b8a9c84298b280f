"""Embedded S3: SeaweedFS' `weed mini` on loopback, with credentials; only what S3 needs is on."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

from recsys.layout import LOOPBACK, Settings
from recsys.local.servers.http import fetch
from recsys.local.servers.server import Server

INNER = (
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
)
"""Parts of the server that talk to each other, one port each, from RECSYS_S3_INNER_PORT on."""

ADMIN_OFFSET = 10_000
"""The last part opens a second port, this much higher; the server offers no other choice that its worker would find."""

SOCKET_PATH_LIMIT = 100
"""Longest path of a Unix socket that every system takes."""

OFF = ("webdav=false", "admin.ui=false", "master.telemetry=false", "s3.port.iceberg=0", "s3.port.lance=0")


def s3(settings: Settings) -> Server:
    """An object store that speaks S3; it answers once its buckets exist."""
    home = settings.recsys_home.resolve()
    inner = {part: settings.recsys_s3_inner_port + offset for offset, part in enumerate(INNER)}
    options = [f"{part}={port}" for part, port in inner.items()]
    open_ports = [*inner.values(), inner["admin.port"] + ADMIN_OFFSET]
    return Server(
        name="s3",
        command=(
            str(Path(sys.executable).with_name("weed")),
            "mini",
            f"-dir={home / 's3'}",
            f"-ip={LOOPBACK}",
            f"-ip.bind={LOOPBACK}",
            f"-s3.port={settings.recsys_s3_port}",
            f"-bucket={','.join(buckets(settings))}",
            *(f"-{option}" for option in (*options, *OFF, *_sockets(home / "s3"))),
        ),
        environment={"AWS_ACCESS_KEY_ID": settings.aws_access_key_id}
        | {"AWS_SECRET_ACCESS_KEY": settings.aws_secret_access_key.get_secret_value()},
        probe=lambda: _find_buckets(settings),
        ports={"RECSYS_S3_PORT": settings.recsys_s3_port}
        | {f"RECSYS_S3_INNER_PORT (+{port - open_ports[0]})": port for port in open_ports},
        prepare=lambda: _make_folder(home / "s3"),
    )


def buckets(settings: Settings) -> list[str]:
    """MLflow's bucket, and the event log's where that lies on S3."""
    log = urlsplit(settings.data_url)
    return sorted({settings.recsys_mlflow_bucket} | ({log.netloc} if log.scheme == "s3" else set()))


def _sockets(folder: Path) -> list[str]:
    """Where parts of the server meet: in its own folder, for in /tmp one that another user left would stop it."""
    places = {part: folder / f"{part}.sock" for part in ("s3", "filer")}
    return [f"{part}.localSocket={path}" for part, path in places.items() if len(str(path)) < SOCKET_PATH_LIMIT]


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # The server keeps its first options there and would read them back; the command line says them all.
    (folder / "mini.options").unlink(missing_ok=True)


def _find_buckets(settings: Settings) -> None:
    fetch(f"{settings.s3_endpoint_url}/healthz")
    import boto3  # slow to import, so not before there is somebody to ask

    client = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint_url,
        aws_access_key_id=settings.aws_access_key_id,
        aws_secret_access_key=settings.aws_secret_access_key.get_secret_value(),
        region_name=settings.aws_default_region,
    )
    for bucket in buckets(settings):
        client.head_bucket(Bucket=bucket)
