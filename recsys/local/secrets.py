"""Passwords and keys, made on the first start and kept in ``.env``; one that exists is never touched."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from recsys.layout import Settings


def _word() -> str:
    return secrets.token_urlsafe(24)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


GENERATED: dict[str, Callable[[], str]] = {
    "recsys_postgres_password": _word,
    "recsys_web_postgres_password": _word,
    "aws_access_key_id": lambda: f"recsys{secrets.token_hex(7)}",
    "aws_secret_access_key": _word,
    "recsys_airflow_password": _word,
    "recsys_airflow_fernet_key": _fernet_key,
    "recsys_airflow_secret_key": _word,
    "recsys_airflow_jwt_secret": lambda: secrets.token_urlsafe(64),
    "recsys_read_key": _word,
    "recsys_write_key": _word,
    "recsys_admin_key": _word,
    "recsys_jupyter_token": _word,
    "recsys_grafana_password": _word,
}
"""Settings that have no usable default, and how a value is made."""


def missing(settings: Settings) -> dict[str, str]:
    """A fresh value for each secret that the settings lack, by the name of its field."""
    said = settings.environment()
    return {name: make() for name, make in GENERATED.items() if not said[name.upper()]}


def complete(env_file: Path) -> Settings:
    """Settings with every secret in place; what was missing is appended to the file, which only its owner may read."""
    fresh = missing(Settings(_env_file=env_file))
    if fresh:
        with open(os.open(env_file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+") as file:
            os.fchmod(file.fileno(), 0o600)
            text = file.read()
            file.write("" if text.endswith("\n") or not text else "\n")
            file.write("# Made on the first start. Keep them: what is stored was made with them.\n")
            file.writelines(f"{name.upper()}={value}\n" for name, value in fresh.items())
    return Settings(_env_file=env_file)


if __name__ == "__main__":
    complete(Path(".env"))
