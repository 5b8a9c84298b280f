"""``recsys sites``: who we serve."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import get_console

from recsys.cli.options import AsJson
from recsys.cli.printing import print_json
from recsys.errors import RecsysError
from recsys.layout import Settings
from recsys.sites import add_site, load_site, site_ids, template_names

app = typer.Typer(no_args_is_help=True, help="Who we serve.")

HOW_TO_INGEST = """Its events are waiting. Ingest them in Airflow: trigger ingest_events__{site} with
First day {start_date} and Days {days}. Or here:
  recsys backfill --site {site} --start-date {start_date} --days {days}"""


@app.command("list")
def list_sites(as_json: AsJson = False) -> None:
    """Lists the sites, and the templates that can be added."""
    folder = Settings().sites_dir
    found = {"sites": site_ids(folder), "folder": str(folder), "templates": template_names()}
    if as_json:
        print_json(found)
        return
    get_console().print(f"Sites in {folder}: {', '.join(site_ids(folder)) or 'none'}", highlight=False)
    get_console().print(f"Templates: {', '.join(template_names())} (recsys sites add NAME)", highlight=False)


@app.command("check")
def check(
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
        print_json({"sites": faults})
    else:
        for name, fault in faults.items():
            get_console().print(f"{name}: {fault or 'good'}", highlight=False, markup=False)
    if any(faults.values()):
        sys.exit(1)


@app.command("add")
def add(
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
        print_json(found)
        return
    get_console().print(f"Added {name}: {found['config']}", highlight=False, soft_wrap=True)
    if "days" in found:
        get_console().print(HOW_TO_INGEST.format(**found), highlight=False, soft_wrap=True)
