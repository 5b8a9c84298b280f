"""``recsys backfill`` and ``recsys simulate``: what comes into the event log."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import get_console
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Column, Table

from recsys.cli.options import AsJson, Day, Site
from recsys.cli.printing import show

if TYPE_CHECKING:
    from recsys.stages.ingest_events import IngestReport

app = typer.Typer()


@app.command()
def backfill(
    site: Site,
    start_date: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First UTC day.")],
    days: Annotated[int, typer.Option(min=1, help="How many days, forwards.")],
    what: Annotated[
        Literal["events", "items"],
        typer.Option(help="items: ask the site's content API for the items of these days; see catalogue.fetch."),
    ] = "events",
    resume: Annotated[bool, typer.Option(help="Leave days as they are that are in the event log.")] = False,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Partitions written at once.")] = 4,
    as_json: AsJson = False,
) -> None:
    """Ingests a range of days; each day's partition is replaced, and those that are refused leave the others alone."""
    from recsys.stages import fetch_items, ingest_events

    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(f"{what} of {site}", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        first = start_date.date()
        if what == "items":
            show(fetch_items.run(site=site, first=first, days=days, progress=progress), as_json)
            return
        report = ingest_events.run(
            site=site, first=first, days=days, resume=resume, parallel=parallel, progress=progress
        )
    if not as_json:
        get_console().print(_by_partition(report))
    show(report, as_json)


def _by_partition(report: "IngestReport") -> Table:
    table = Table("partition", *(Column(name, justify="right") for name in ("rows in", "kept", "set aside", "twice")))
    table.box = None
    for each in (*report.late, *report.committed):
        numbers = (each.counts.rows_in, each.counts.kept, each.counts.bad, each.counts.duplicates)
        table.add_row(each.partition, *(f"{number:,}" for number in numbers))
    return table


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

    show(simulate_events.run(site=site, first=start_date.date(), days=days, out=out), as_json)
