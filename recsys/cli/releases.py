"""``recsys releases``: what is live, what was, and why."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich import get_console
from rich.table import Column, Table

from recsys.cli.options import AsJson, Site
from recsys.cli.printing import print_json, show

app = typer.Typer(no_args_is_help=True, help="What is live, what was, and why.")

ReleaseArgument = Annotated[str, typer.Argument(metavar="RELEASE_ID")]


@app.command("list")
def list_releases(site: Site, as_json: AsJson = False) -> None:
    """Lists the releases of a site, newest first."""
    from recsys.stages import change_release

    found = change_release.listed(site=site)
    if as_json:
        print_json({"releases": [release.model_dump(mode="json") for release in found]})
        return
    table = Table(Column("release", no_wrap=True), "state", "as of", "activated", "why", box=None)
    for release in found:
        table.add_row(
            release.release_id,
            release.state,
            f"{release.as_of:%Y-%m-%d %H:%M}",
            f"{release.activated_at:%Y-%m-%d %H:%M}" if release.activated_at else "",
            release.reason,
        )
    get_console().print(table)


@app.command("show")
def show_release(release_id: ReleaseArgument, site: Site, as_json: AsJson = False) -> None:
    """Prints where a release came from: manifest, report and decision."""
    from recsys.stages import change_release

    found = change_release.shown(site=site, release_id=release_id)
    print_json(found) if as_json else get_console().print_json(json.dumps(found, default=str))


@app.command("activate")
def activate(release_id: ReleaseArgument, site: Site, as_json: AsJson = False) -> None:
    """Makes a published release the live one, in one step."""
    _change("activate", as_json, site=site, release_id=release_id)


@app.command("rollback")
def rollback(site: Site, as_json: AsJson = False) -> None:
    """Makes the release before the live one live again, in one step."""
    _change("roll_back", as_json, site=site)


@app.command("retire")
def retire(release_id: ReleaseArgument, site: Site, as_json: AsJson = False) -> None:
    """Drops a release's rows from Postgres; never the live one nor the one before it."""
    _change("retire", as_json, site=site, release_id=release_id)


def _change(action: str, as_json: bool, **arguments: str) -> None:
    from recsys.stages import change_release

    perform: Callable[..., Any] = getattr(change_release, action)
    show(perform(**arguments), as_json)
