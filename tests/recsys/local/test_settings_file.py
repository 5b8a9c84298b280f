"""`.env.example` lists every setting, its default, and nothing else; no secret in it would work."""

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import SecretStr

from recsys.layout import Settings
from recsys.local import secrets

EXAMPLE = Path(__file__).parents[3] / ".env.example"
LINE = re.compile(r"^(?P<name>[A-Z0-9_]+)=(?P<value>\S*) +# \S.+$")


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_example_names_every_setting_and_nothing_else() -> None:
    assert {name.lower() for name in dotenv_values(EXAMPLE)} == set(Settings.model_fields)


def test_every_line_has_its_comment() -> None:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not LINE.match(line)] == []


@pytest.mark.usefixtures("no_variables")
def test_the_example_holds_the_defaults() -> None:
    assert Settings(_env_file=EXAMPLE) == Settings(_env_file=None)


def test_the_example_holds_no_secret() -> None:
    hidden = {name for name, field in Settings.model_fields.items() if field.annotation is SecretStr}
    found = dotenv_values(EXAMPLE)
    assert [name for name in hidden | set(secrets.GENERATED) if found[name.upper()]] == []


def test_every_password_is_generated_or_may_be_empty() -> None:
    hidden = {name for name, field in Settings.model_fields.items() if field.annotation is SecretStr}
    assert hidden - set(secrets.GENERATED) == {"recsys_notify_urls", "recsys_fetch_headers", "recsys_kafka_password"}
