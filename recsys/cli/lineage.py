"""``recsys trace`` and ``recsys rebuild``: what led to what was shown, and whether it can be made again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich import get_console
from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from recsys.cli.options import AsJson, Site
from recsys.cli.printing import print_json

if TYPE_CHECKING:
    from recsys.stages.rebuild_release import RebuildReport
    from recsys.stages.trace_request import Trace

app = typer.Typer()

SHORT: Final = 12
"""Digits of a hash that are shown to a person."""
LISTED: Final = 5
"""Partitions and source files named at either end; ``--json`` names all."""


@app.command()
def trace(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="Of an answer.")],
    site: Site,
    as_json: AsJson = False,
) -> None:
    """Says which release, models, candidates, features and events led to each item of an answer."""
    from recsys.stages import trace_request

    found = trace_request.run(site=site, request_id=request_id)
    print_json(found.model_dump(mode="json")) if as_json else get_console().print(_traced(found), highlight=False)


@app.command()
def rebuild(
    release_id: Annotated[str, typer.Argument(metavar="RELEASE_ID")],
    site: Site,
    into: Annotated[Path, typer.Option(help="A folder of its own for what comes out.")],
    as_json: AsJson = False,
) -> None:
    """Makes a release again from its manifest and compares every hash; fails where one differs."""
    from recsys.stages import rebuild_release

    with Console(stderr=True).status(f"rebuilding {release_id}"):
        report = rebuild_release.run(site=site, release_id=release_id, into=into)
    print_json(report.model_dump(mode="json")) if as_json else _print_rebuilt(report)
    if not report.identical:
        raise typer.Exit(1)


def chain(found: dict[str, Any]) -> Tree:
    """A release as ``change_release.shown`` gives it: what it is made of, down to the source files."""
    manifest = found.get("manifest", {})
    tree = Tree(f"[b]{found['release_id']}[/b]  {found['state']}  as of {found['as_of']}")
    if found.get("reason"):
        tree.add(found["reason"])
    files = manifest.get("files", {})
    _add_files(tree.add(f"files ({len(files)})"), files)
    models = tree.add("models")
    for name, key in (("ranker", "model_version"), ("generators", "generators_version")):
        if manifest.get(key):
            models.add(f"{name}  models:/{found['site']}-{name}/{manifest[key]}")
    if manifest.get("mlflow_run_id"):
        models.add(f"trained in MLflow run {manifest['mlflow_run_id']}")
    features = found.get("ranker", {}).get("features", {})
    names = [*features.get("numeric", ()), *features.get("categorical", ())]
    models.add(f"features ({len(names)})  {_short(manifest.get('feature_hash'))}")
    code = tree.add(f"code  {_short(manifest.get('code_version'))}")
    code.add(f"git commit {manifest.get('git_commit') or 'unknown: not a checkout'}")
    code.add("  ".join(f"{name} {version}" for name, version in manifest.get("libraries", {}).items()))
    tree.add(f"configuration  {_short(manifest.get('config_hash'))}  seed {manifest.get('seed')}")
    _add_log(tree.add(f"event log  {_short(manifest.get('data_hash'))}"), found.get("lineage", {}))
    return tree


def _add_files(branch: Tree, files: dict[str, Any]) -> None:
    for name, entry in sorted(files.items()):
        rows = f"  {entry['rows']:,} rows" if entry.get("rows") is not None else ""
        branch.add(f"{name}  {_short(entry['sha256'])}{rows}")


def _add_log(branch: Tree, lineage: dict[str, Any]) -> None:
    partitions = lineage.get("partitions", [])
    days = branch.add(f"partitions ({len(partitions)})")
    for each in _ends(partitions):
        days.add(f"{each['partition']}  {_short(each['content_hash'])}  {_rows(each)}" if each else "…")
    source_files = lineage.get("source_files", [])
    files = branch.add(f"source files ({len(source_files)})")
    for each in _ends(source_files):
        files.add(f"{each['name']}  {_short(each['sha256'])}  {each['rows']:,} rows" if each else "…")


def _rows(partition: dict[str, Any]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in partition["rows"].items() if count)


def _ends(rows: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """All where they are few; else the first and the last, with None between them."""
    return [*rows] if len(rows) <= 2 * LISTED else [*rows[:LISTED], None, *rows[-LISTED:]]


def _short(digest: str | None) -> str:
    return (digest or "unknown")[:SHORT]


def _traced(found: "Trace") -> Tree:
    who = found.user_id or "somebody unknown"
    tree = Tree(f"[b]{found.request_id}[/b]  {found.surface} for {who}  at {found.served_at:%F %T} UTC")
    release = tree.add(f"release {found.release_id}  arm {found.arm}  as of {found.as_of:%F %T}")
    for name, model in (("ranker", found.ranker), ("generators", found.generators)):
        release.add(f"{name} {model or 'not registered'}")
    release.add(f"features {_short(found.feature_hash)}  event log {_short(found.data_hash)}")
    for item in found.items:
        because = f"  because of {', '.join(item.because)}" if item.because else ""
        branch = tree.add(f"{item.position}. [b]{item.item_id}[/b]  {item.source}{because}")
        if item.slate_rank:
            branch.add(f"rank {item.slate_rank} of the slate, score {item.score:.4f}")
        for each in item.candidates:
            branch.add(f"{each.source}: rank {each.rank}, score {each.score:.4g}")
        if item.features:
            branch.add("features: " + ", ".join(f"{name} {_value(value)}" for name, value in item.features.items()))
    events = tree.add(f"events of the user ({len(found.events)} newest)")
    for event in found.events[: 2 * LISTED]:
        events.add(f"{event.timestamp:%F %T} {event.event_type} {event.item_id}  {event.partition or 'told since'}")
    return tree


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _print_rebuilt(report: "RebuildReport") -> None:
    out = get_console()
    table = Table("file", "recorded", "rebuilt", "", box=None)
    for name, each in report.files.items():
        same = "same" if each.recorded == each.rebuilt else "DIFFERS"
        table.add_row(name, _short(each.recorded), _short(each.rebuilt), same)
    out.print(table)
    for difference in report.differs:
        out.print(f"not as it was: {difference}", highlight=False)
    verdict = "every artefact is identical" if report.identical else "not every artefact is identical"
    out.print(f"{report.release_id}: {verdict}; files in {report.folder}", highlight=False)
