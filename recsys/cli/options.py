"""Options that several commands share."""

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from recsys.errors import ConfigError

Site = Annotated[str, typer.Option("--site", help="Name of the site.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A UTC day.")]

Reason = Annotated[str, typer.Option("--reason", help="Why; stands in the audit.")]


def operator() -> str:
    """Who types the command, for the audit."""
    return f"user {getpass.getuser()}"


def utc(text: str | None, *, option: str = "--as-of") -> datetime | None:
    """``text`` as a UTC time; without a zone it is UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{option}: found {text!r}, expected a UTC time such as 2026-08-01 or 2026-08-01T06:00Z"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
