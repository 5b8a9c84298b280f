"""Secrets are made once, kept where only the owner reads them, and never overwritten."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from recsys.layout import Settings
from recsys.local import secrets


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_first_start_makes_every_secret(tmp_path: Path) -> None:
    settings = secrets.complete(tmp_path / ".env")
    assert secrets.missing(settings) == {}
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    first = secrets.complete(file)
    before = file.read_text()
    assert secrets.complete(file) == first
    assert file.read_text() == before


def test_what_the_user_wrote_stays_and_is_closed_to_others(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("RECSYS_POSTGRES_PASSWORD=mine\nRECSYS_WEB_PORT=8123")
    file.chmod(0o644)
    settings = secrets.complete(file)
    assert settings.recsys_postgres_password.get_secret_value() == "mine"
    assert settings.recsys_web_port == 8123
    assert file.read_text().startswith("RECSYS_POSTGRES_PASSWORD=mine\nRECSYS_WEB_PORT=8123\n")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_secret_of_the_environment_is_not_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_POSTGRES_PASSWORD", "from-a-vault")
    settings = secrets.complete(tmp_path / ".env")
    assert settings.recsys_postgres_password.get_secret_value() == "from-a-vault"
    assert "RECSYS_POSTGRES_PASSWORD" not in (tmp_path / ".env").read_text()


def test_two_starts_make_different_secrets(tmp_path: Path) -> None:
    one, other = secrets.complete(tmp_path / "one"), secrets.complete(tmp_path / "other")
    assert one.recsys_airflow_jwt_secret != other.recsys_airflow_jwt_secret


def test_the_fernet_key_is_one(tmp_path: Path) -> None:
    key = secrets.complete(tmp_path / ".env").recsys_airflow_fernet_key.get_secret_value()
    assert Fernet(key).decrypt(Fernet(key).encrypt(b"text")) == b"text"
