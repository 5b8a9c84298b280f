"""The ``recsys`` command. An edge: it may read the clock and print; the work is done by the stages."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml
from rich import get_console
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Column, Table

from recsys.errors import ConfigError, RecsysError
from recsys.layout import Settings
from recsys.sites import add_site, load_site, site_ids, template_names

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="A recommender platform on Airflow.",
)
sites_app = typer.Typer(no_args_is_help=True, help="Who we serve.")
releases_app = typer.Typer(no_args_is_help=True, help="What is live, what was, and why.")
app.add_typer(sites_app, name="sites")
app.add_typer(releases_app, name="releases")

Site = Annotated[str, typer.Option("--site", help="Name of the site.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A UTC day.")]
HOW_TO_INGEST = """Its events are waiting. Ingest them in Airflow: trigger ingest_events__{site} with
start_date {start_date} and days {days}. Or here:
  recsys backfill --site {site} --start-date {start_date} --days {days}"""

ReleaseArgument = Annotated[str, typer.Argument(metavar="RELEASE_ID")]


class Stage(StrEnum):
    """Every stage, in the order in which they follow each other."""

    INGEST_EVENTS = "ingest_events"
    BUILD_CANDIDATES = "build_candidates"
    TRAIN_RANKER = "train_ranker"
    RELEASE_RECOMMENDATIONS = "release_recommendations"
    MAINTAIN_STORAGE = "maintain_storage"


def main() -> None:
    """Runs the command; an error of ours is one clear text on stderr and exit code 1."""
    try:
        app()
    except RecsysError as error:
        sys.stderr.write(f"recsys: {error}\n")
        sys.exit(1)


@app.command()
def stage(
    name: Annotated[Stage, typer.Argument(help="Which step.")],
    site: Site,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="UTC day, for ingest_events.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Exclusive UTC time such as 2026-08-01 or 2026-08-01T06:00Z.")
    ] = None,
    release_id: Annotated[str | None, typer.Option(help="Default: the newest unfinished release.")] = None,
    as_json: AsJson = False,
) -> None:
    """Runs one step, as Airflow would."""
    if name is Stage.INGEST_EVENTS and day is None:
        raise ConfigError("stage ingest_events: found no --day; say which UTC day: --day 2026-08-01")
    arguments: dict[Stage, dict[str, Any]] = {
        Stage.INGEST_EVENTS: {"first": day and day.date()},
        Stage.BUILD_CANDIDATES: {"as_of": _utc(as_of)},
        Stage.TRAIN_RANKER: {"release_id": release_id},
        Stage.RELEASE_RECOMMENDATIONS: {"release_id": release_id},
        Stage.MAINTAIN_STORAGE: {},
    }
    module = import_module(f"recsys.stages.{name}")
    with Console(stderr=True).status(f"{name} of {site}"):
        report = module.run(site=site, **arguments[name])
    _show(report, as_json)


@app.command()
def backfill(
    site: Site,
    start_date: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First UTC day.")],
    days: Annotated[int, typer.Option(min=1, help="How many days, forwards.")],
    what: Annotated[
        Literal["events", "items"], typer.Option(help="Both are one partition of a day, so both come along.")
    ] = "events",
    as_json: AsJson = False,
) -> None:
    """Ingests a range of days; each day's partition is replaced."""
    from recsys.stages import ingest_events

    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(f"days of {site}", total=days)
        report = ingest_events.run(
            site=site, first=start_date.date(), days=days, progress=lambda done, _: bar.update(task, completed=done)
        )
    _show(report, as_json)


@app.command()
def evaluate(site: Site, as_json: AsJson = False) -> None:
    """Shows how the newest release did on its later window, beside popularity and each generator."""
    from recsys.stages import change_release

    report = change_release.judged(site=site)
    _print_json(report) if as_json else _print_evaluation(report)


@app.command()
def simulate(
    site: Site,
    start_date: Day,
    out: Annotated[Path, typer.Option(help="Folder for the files, one NDJSON a day.")],
    days: Annotated[int, typer.Option(min=1)] = 1,
    as_json: AsJson = False,
) -> None:
    """Writes a simulated site's raw events to files."""
    from recsys.stages import simulate_events

    _show(simulate_events.run(site=site, first=start_date.date(), days=days, out=out), as_json)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Says what runs, where, how healthy, and how old each site's live release is."""
    from recsys.local import status as platform

    found = platform.status(Settings(), now=datetime.now(UTC))
    _print_json(found) if as_json else get_console().print(platform.render(found))


@sites_app.command("list")
def sites_list(as_json: AsJson = False) -> None:
    """Lists the sites, and the templates that can be added."""
    folder = Settings().sites_dir
    found = {"sites": site_ids(folder), "folder": str(folder), "templates": template_names()}
    if as_json:
        _print_json(found)
        return
    get_console().print(f"Sites in {folder}: {', '.join(site_ids(folder)) or 'none'}", highlight=False)
    get_console().print(f"Templates: {', '.join(template_names())} (recsys sites add NAME)", highlight=False)


@sites_app.command("check")
def sites_check(
    site: Annotated[str | None, typer.Option("--site", help="Default: all sites.")] = None, as_json: AsJson = False
) -> None:
    """Reads every site's YAML and builds its parts; reports all faults at once."""
    from recsys.stages import check_site

    folder = Settings().sites_dir
    faults: dict[str, str | None] = {}
    for name in [site] if site else site_ids(folder):
        try:
            check_site.run(site=load_site(folder, name))
            faults[name] = None
        except RecsysError as error:
            faults[name] = str(error)
    if as_json:
        _print_json({"sites": faults})
    else:
        for name, fault in faults.items():
            get_console().print(f"{name}: {fault or 'good'}", highlight=False, markup=False)
    if any(faults.values()):
        sys.exit(1)


@sites_app.command("add")
def sites_add(
    name: Annotated[str, typer.Argument(help="Name of a template: see recsys sites list.")],
    from_dir: Annotated[Path | None, typer.Option("--from", help="Folder with the site's raw files.")] = None,
    as_json: AsJson = False,
) -> None:
    """Adds a site from its template. Airflow shows its DAGs within half a minute."""
    from recsys.stages import check_site

    folder = Settings().sites_dir
    config = add_site(folder, name, from_dir=from_dir)
    reach = check_site.run(site=config)
    found: dict[str, Any] = {"site": name, "config": str(folder / f"{name}.yaml")}
    if reach.first and reach.last:
        found |= {"start_date": str(reach.first), "days": (reach.last - reach.first).days + 1}
    if as_json:
        _print_json(found)
        return
    get_console().print(f"Added {name}: {found['config']}", highlight=False, soft_wrap=True)
    if "days" in found:
        get_console().print(HOW_TO_INGEST.format(**found), highlight=False, soft_wrap=True)


@releases_app.command("list")
def releases_list(site: Site, as_json: AsJson = False) -> None:
    """Lists the releases of a site, newest first."""
    from recsys.stages import change_release

    found = change_release.listed(site=site)
    if as_json:
        _print_json({"releases": [release.model_dump(mode="json") for release in found]})
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


@releases_app.command("show")
def releases_show(release_id: ReleaseArgument, site: Site, as_json: AsJson = False) -> None:
    """Prints where a release came from: manifest, report and decision."""
    from recsys.stages import change_release

    found = change_release.shown(site=site, release_id=release_id)
    _print_json(found) if as_json else get_console().print_json(json.dumps(found, default=str))


@releases_app.command("activate")
def releases_activate(release_id: ReleaseArgument, site: Site, as_json: AsJson = False) -> None:
    """Makes a published release the live one, in one step."""
    _change("activate", as_json, site=site, release_id=release_id)


@releases_app.command("rollback")
def releases_rollback(site: Site, as_json: AsJson = False) -> None:
    """Makes the release before the live one live again, in one step."""
    _change("roll_back", as_json, site=site)


@releases_app.command("retire")
def releases_retire(release_id: ReleaseArgument, site: Site, as_json: AsJson = False) -> None:
    """Drops a release's rows from Postgres; never the live one nor the one before it."""
    _change("retire", as_json, site=site, release_id=release_id)


def _change(action: str, as_json: bool, **arguments: str) -> None:
    from recsys.stages import change_release

    perform: Callable[..., Any] = getattr(change_release, action)
    _show(perform(**arguments), as_json)


def _utc(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--as-of: found {text!r}, expected a UTC time such as 2026-08-01 or 2026-08-01T06:00Z"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _show(report: Any, as_json: bool) -> None:
    """The report as one JSON object; or, for a person, as YAML without the list of single days."""
    if as_json:
        _print_json(report.model_dump(mode="json"))
        return
    found = report.model_dump(mode="json", exclude={"committed"})
    sys.stdout.write(yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=120))


def _print_json(found: Any) -> None:
    sys.stdout.write(json.dumps(found, default=str) + "\n")


def _print_evaluation(report: dict[str, Any]) -> None:
    out = get_console()
    out.print(
        f"{report['release_id']}: {report['users']} users ({report['cold_users']} cold), "
        f"{report['window_start'][:10]} until {report['window_end'][:10]}. {report['decision']['reason']}",
        highlight=False,
    )
    table = Table("contestant", "nDCG@10 (95 %)", "recall@20 (95 %)", "hit rate@10", "coverage@10", box=None)
    for name, found in sorted(report["contestants"].items(), key=lambda each: -each[1]["metrics"]["ndcg@10"]):
        intervals = [f"{i['mean']:.4f} ({i['low']:.4f}–{i['high']:.4f})" for i in found["intervals"].values()]
        table.add_row(
            name, *intervals, *(f"{found['metrics'][metric]:.4f}" for metric in ("hit_rate@10", "coverage@10"))
        )
    out.print(table)


if __name__ == "__main__":
    main()
