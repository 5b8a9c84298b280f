"""The ``recsys`` command. An edge: it may read the clock and print; the work is done by the stages."""

import sys
from datetime import UTC, datetime

import typer
from rich import get_console

from recsys.cli import events, experiments, keys, lineage, offline, pipeline, releases, sites, stages, stream, tuning
from recsys.cli.options import AsJson
from recsys.cli.printing import print_json
from recsys.errors import RecsysError
from recsys.layout import Settings

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="A recommender platform on Airflow.",
)
for commands in (stages, events, stream, tuning, lineage):
    app.add_typer(commands.app)
app.add_typer(sites.app, name="sites")
app.add_typer(releases.app, name="releases")
app.add_typer(experiments.app, name="experiments")
app.add_typer(keys.app, name="keys")
app.add_typer(offline.app, name="offline")
app.add_typer(pipeline.app, name="pipeline")


def main() -> None:
    """Runs the command; an error of ours is one clear text on stderr and exit code 1."""
    try:
        app()
    except RecsysError as error:
        sys.stderr.write(f"recsys: {error}\n")
        sys.exit(1)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Says what runs, where, how healthy, how old each site's live release is, and which days were refused."""
    from recsys.local import status as platform

    found = platform.status(Settings(), now=datetime.now(UTC))
    print_json(found) if as_json else get_console().print(platform.render(found))
