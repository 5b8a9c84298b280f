"""``recsys backfill`` and ``recsys simulate``: what comes into the event log."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import get_console
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Column, Table

from recsys.cli.options import AsJson, Site
from recsys.cli.printing import show
from recsys.errors import ConfigError

if TYPE_CHECKING:
    from recsys.local.visiting import VisitReport
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
    out: Annotated[
        Path | None, typer.Option(help="Write the raw events of past days to this folder, one NDJSON a day.")
    ] = None,
    start_date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="With --out: first UTC day.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="With --out: how many.")] = 1,
    visits_per_second: Annotated[float, typer.Option(min=0.01, max=1000, help="Visits to the web service.")] = 5.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long visitors come.")] = 60.0,
    url: Annotated[str, typer.Option(help="Address of the web service; by default that of the settings.")] = "",
    seed: Annotated[int, typer.Option(help="Other visitors, other luck.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Simulated users visit the live web service and react to what is shown; with --out, past days become files."""
    if out is not None:
        from recsys.stages import simulate_events

        if start_date is None:
            raise ConfigError("--start-date: found none, expected the first UTC day of the files, such as 2026-08-01")
        show(simulate_events.run(site=site, first=start_date.date(), days=days, out=out), as_json)
        return
    show(_visits(site, url, seed, visits_per_second, seconds), as_json)


def _visits(site: str, url: str, seed: int, visits_per_second: float, seconds: float) -> "VisitReport":
    import asyncio

    import httpx

    from recsys.layout import Settings
    from recsys.local.visiting import Tour
    from recsys.sites import load_site

    settings = Settings()
    config = load_site(settings.sites_dir, site)
    key = settings.recsys_admin_key.get_secret_value()

    async def tour() -> "VisitReport":
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(base_url=url or settings.web_url, headers=headers, trust_env=False) as client:
            with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
                task = bar.add_task(f"visits to {site}", total=None)
                return await Tour(config, client, seed=seed).run(
                    visits_per_second=visits_per_second,
                    seconds=seconds,
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                )

    return asyncio.run(tour())
