"""``recsys experiments``: what is tried on some users, how it stands, and what follows."""

from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich import get_console
from rich.table import Column, Table

from recsys.cli.options import AsJson, Reason, Site, operator
from recsys.cli.printing import print_json, show
from recsys.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="What is tried on some users, how it stands, and what follows.")

ExperimentArgument = Annotated[str, typer.Argument(metavar="EXPERIMENT_ID")]


@app.command("list")
def list_experiments(site: Site, as_json: AsJson = False) -> None:
    """Lists the experiments of a site, newest first."""
    from recsys.stages import change_experiment

    found = change_experiment.listed(site=site)
    if as_json:
        print_json({"experiments": [record.model_dump(mode="json") for record in found]})
        return
    table = Table(Column("experiment", no_wrap=True), "state", "users", "started", "ended", "why", box=None)
    for record in found:
        table.add_row(
            record.experiment.id,
            record.state,
            f"{record.ramp:.0%}",
            f"{record.started_at:%Y-%m-%d %H:%M}",
            f"{record.ended_at:%Y-%m-%d %H:%M}" if record.ended_at else "",
            record.reason,
        )
    get_console().print(table)


@app.command("show")
def show_experiment(experiment_id: ExperimentArgument, site: Site, as_json: AsJson = False) -> None:
    """Prints what an experiment is, how it stands, and what was done with it."""
    from recsys.stages import change_experiment

    show(change_experiment.shown(site=site, experiment_id=experiment_id), as_json)


@app.command("start")
def start(
    site: Site,
    file: Annotated[Path, typer.Option("--file", help="YAML with id, arms and whatever differs from the defaults.")],
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Starts an experiment; what may stand in the file is in docs/experiments.md."""
    from recsys.stages import change_experiment

    try:
        definition = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as fault:
        raise ConfigError(f"--file {file}: {fault}") from fault
    if not isinstance(definition, dict):
        raise ConfigError(f"--file {file}: found {type(definition).__name__}, expected keys and values")
    show(change_experiment.start(site=site, definition=definition, by=operator(), reason=reason), as_json)


@app.command("estimate")
def estimate(
    release_id: Annotated[str, typer.Argument(metavar="RELEASE_ID")], site: Site, as_json: AsJson = False
) -> None:
    """Says what a release would earn, from what the live one showed by chance; nobody sees it for that."""
    from recsys.stages import estimate_release

    show(estimate_release.run(site=site, release_id=release_id), as_json)


@app.command("promote")
def promote(
    experiment_id: ExperimentArgument,
    site: Site,
    arm: Annotated[str | None, typer.Option(help="Which challenger, where there are several.")] = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Makes a challenger's release live, and ends the experiment."""
    from recsys.stages import change_experiment

    done = change_experiment.promote(site=site, experiment_id=experiment_id, arm=arm, by=operator(), reason=reason)
    show(done, as_json)


@app.command("abort")
def abort(experiment_id: ExperimentArgument, site: Site, reason: Reason = "", as_json: AsJson = False) -> None:
    """Ends an experiment at once: everybody is answered by what is live."""
    from recsys.stages import change_experiment

    show(change_experiment.abort(site=site, experiment_id=experiment_id, by=operator(), reason=reason), as_json)
