"""``recsys keys``: who may ask the web service for what."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich import get_console
from rich.table import Column, Table

from recsys.cli.options import AsJson, operator
from recsys.cli.printing import print_json
from recsys.errors import ConfigError
from recsys.layout import Settings
from recsys.serving import api_keys
from recsys.serving.api_keys import ApiKey, NewKey
from recsys.sites import load_site
from recsys.types import SiteId

app = typer.Typer(no_args_is_help=True, help="API keys: who may ask the web service for what.")

OneSite = Annotated[str | None, typer.Option("--site", help="Name of the site.")]
AllSites = Annotated[bool, typer.Option("--all-sites", help="Keys for every site, also those to come.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID")]
Days = Annotated[int | None, typer.Option("--days", min=1, help="Days until it expires; without: never.")]


@app.command("create")
def create(
    scope: Annotated[list[str], typer.Option("--scope", help="read, write or admin (all three); repeatable.")],
    site: OneSite = None,
    all_sites: AllSites = False,
    label: Annotated[str, typer.Option("--label", help="Who uses it, for what.")] = "",
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Makes a key and shows it, this once: it is kept nowhere. The web service knows it within a second."""
    settings, at = Settings(), datetime.now(UTC)
    whose = _whose(site, all_sites)
    if whose is not None:
        load_site(settings.sites_dir, whose)
    made = api_keys.create_key(
        settings.postgres_dsn(),
        site=whose,
        scopes=scope,
        at=at,
        by=operator(),
        label=label,
        expires_at=_in(days, at),
    )
    _show_once(made, as_json)


@app.command("list")
def listing(site: OneSite = None, all_sites: AllSites = False, as_json: AsJson = False) -> None:
    """Lists the keys of a site, newest first, also those that have ended; no command shows the keys themselves."""
    found = api_keys.list_keys(Settings().postgres_dsn(), _whose(site, all_sites))
    if as_json:
        print_json({"keys": [key.model_dump(mode="json") for key in found]})
        return
    table = Table(Column("key", no_wrap=True), "opens", "label", "made", "last used", "state", box=None)
    for key in found:
        state = _state(key, datetime.now(UTC))
        table.add_row(key.key_id, ", ".join(key.scopes), key.label, _day(key.created_at), _day(key.last_used_at), state)
    get_console().print(table)


@app.command("rotate")
def rotate(
    key_id: KeyId,
    site: OneSite = None,
    all_sites: AllSites = False,
    overlap_hours: Annotated[float, typer.Option(min=0, help="Hours for which the old key goes on opening.")] = 24.0,
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Makes a key that opens the same and shows it, this once. The old one expires when the overlap is over."""
    at = datetime.now(UTC)
    made = api_keys.rotate_key(
        Settings().postgres_dsn(),
        key_id,
        site=_whose(site, all_sites),
        at=at,
        by=operator(),
        overlap=timedelta(hours=overlap_hours),
        expires_at=_in(days, at),
    )
    _show_once(made, as_json)


@app.command("revoke")
def revoke(key_id: KeyId, site: OneSite = None, all_sites: AllSites = False, as_json: AsJson = False) -> None:
    """The key opens nothing any more, within a second."""
    whose, at = _whose(site, all_sites), datetime.now(UTC)
    ended = api_keys.revoke_key(Settings().postgres_dsn(), key_id, site=whose, at=at, by=operator())
    if as_json:
        print_json(ended.model_dump(mode="json"))
    else:
        get_console().print(f"{ended.key_id}: {_state(ended, at)}", highlight=False)


def _whose(site: str | None, all_sites: bool) -> SiteId | None:
    """The site, or None for all of them; which of the two must be said."""
    if (site is None) != all_sites:
        raise ConfigError("expected either --site NAME or --all-sites")
    return site


def _in(days: int | None, at: datetime) -> datetime | None:
    return None if days is None else at + timedelta(days=days)


def _show_once(made: NewKey, as_json: bool) -> None:
    about = made.about
    if as_json:
        print_json({"key": made.key, **about.model_dump(mode="json")})
        return
    until = f"until {_day(about.expires_at)}" if about.expires_at else "until it is revoked"
    whose = about.site or "all sites"
    get_console().print(f"Key {about.key_id} opens {', '.join(about.scopes)} of {whose}, {until}.", highlight=False)
    get_console().print("It is shown this once:", highlight=False)
    get_console().print(made.key, highlight=False, soft_wrap=True)


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)} by {key.revoked_by}"
    if key.expires_at is None:
        return "valid"
    until = f"expired {_day(key.expires_at)}" if key.expires_at <= now else f"valid until {_day(key.expires_at)}"
    return f"{until}, replaced by {key.replaced_by}" if key.replaced_by else until


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
