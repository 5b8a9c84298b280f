"""``recsys releases``: what is live, what was, and why."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich import get_console
from rich.markup import escape
from rich.table import Column, Table
from rich.tree import Tree

from recsys.cli.lineage import chain
from recsys.cli.options import AsJson, Reason, Site, operator
from recsys.cli.printing import print_json, show
from recsys.serving.contracts import RECOMMENDATIONS, Surface

app = typer.Typer(no_args_is_help=True, help="What is live, what was, and why.")

ReleaseArgument = Annotated[str, typer.Argument(metavar="RELEASE_ID")]
OtherArgument = Annotated[str, typer.Argument(metavar="OTHER")]


@app.command("list")
def list_releases(
    site: Site,
    surface: Annotated[Surface | None, typer.Option(help="Those that answer this alone.")] = None,
    as_json: AsJson = False,
) -> None:
    """Lists the releases of a site, newest first."""
    from recsys.stages import change_release

    found = change_release.listed(site=site, surface=surface)
    if as_json:
        print_json({"releases": [release.model_dump(mode="json") for release in found]})
        return
    for release in found:
        line = Tree(f"{release.release_id}  {release.surface}  {release.state}")
        activated = f"  activated {release.activated_at:%Y-%m-%d %H:%M}" if release.activated_at else ""
        line.add(f"as of {release.as_of:%Y-%m-%d %H:%M}{activated}")
        if release.reason:
            line.add(escape(release.reason))
        get_console().print(line, highlight=False)


@app.command("show")
def show_release(release_id: ReleaseArgument, site: Site, as_json: AsJson = False) -> None:
    """Prints what a release is made of: models, features, partitions, source files; with --json, its report too."""
    from recsys.stages import change_release

    found = change_release.shown(site=site, release_id=release_id)
    print_json(found) if as_json else get_console().print(chain(found), highlight=False)


@app.command("diff")
def diff(release_id: ReleaseArgument, other: OtherArgument, site: Site, as_json: AsJson = False) -> None:
    """Prints what is different in RELEASE_ID, seen from OTHER: configuration, data, files, metrics, slates."""
    from recsys.stages import change_release

    show(change_release.compared(site=site, release_id=release_id, other=other), as_json)


@app.command("audit")
def audit(
    site: Site,
    release_id: Annotated[str | None, typer.Option("--release", help="Of this release alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Newest changes shown.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Prints who changed what of the site's releases, when and why, newest first."""
    from recsys.stages import change_release

    found = change_release.audited(site=site, release_id=release_id, limit=limit)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    table = Table(
        Column("when", no_wrap=True), "who", "what", Column("release", no_wrap=True), "state", "why", box=None
    )
    for each in found.changes:
        moved = each.state_after if each.state_then == each.state_after else f"{each.state_then} → {each.state_after}"
        when = f"{each.changed_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(when, each.changed_by, each.action, each.release_id, moved, each.reason)
    get_console().print(table)


@app.command("activate")
def activate(release_id: ReleaseArgument, site: Site, reason: Reason = "", as_json: AsJson = False) -> None:
    """Makes a release the live one, in one step; one whose rows were dropped is published again first."""
    _change("activate", as_json, site=site, release_id=release_id, reason=reason)


@app.command("canary")
def canary(release_id: ReleaseArgument, site: Site, reason: Reason = "", as_json: AsJson = False) -> None:
    """Makes a gated release a canary: it may answer beside the live one, and its rows are kept."""
    _change("start_canary", as_json, site=site, release_id=release_id, reason=reason)


@app.command("rollback")
def rollback(
    site: Site,
    surface: Annotated[Surface, typer.Option(help="What is answered.")] = RECOMMENDATIONS,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Makes the release before the live one live again, in one step."""
    _change("roll_back", as_json, site=site, surface=surface, reason=reason)


@app.command("retire")
def retire(release_id: ReleaseArgument, site: Site, reason: Reason = "", as_json: AsJson = False) -> None:
    """Drops a release's rows from Postgres; never the live one nor the one before it."""
    _change("retire", as_json, site=site, release_id=release_id, reason=reason)


@app.command("clean")
def clean(
    site: Site,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without this nothing is changed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Shows what the site's retention does not keep, in every store, and what belongs to nothing; --yes removes it."""
    from recsys.stages import cleaning
    from recsys.stages.context import open_context

    context = open_context()
    plan = cleaning.plan(context, site)
    if yes:
        cleaning.remove(context, plan, by=operator())
    if as_json:
        print_json({**plan.model_dump(mode="json"), "bytes": plan.bytes, "removed": yes})
        return
    table = Table("where", Column("what", overflow="fold"), Column("MB", justify="right"), "why", box=None)
    for each in plan.garbage:
        table.add_row(each.place, each.name, f"{each.bytes / 1e6:.2f}", each.why)
    get_console().print(table)
    done = "removed" if yes else "would be removed; do it with --yes"
    get_console().print(f"{len(plan.releases)} releases, {len(plan.garbage)} things, {plan.bytes / 1e6:.2f} MB {done}")


def _change(action: str, as_json: bool, **arguments: str) -> None:
    from recsys.stages import change_release

    perform: Callable[..., Any] = getattr(change_release, action)
    show(perform(**arguments, by=operator()), as_json)
