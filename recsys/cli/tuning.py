"""``recsys tune``: better parameters for a site's generators, ranker and predictors."""

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from recsys.cli.options import AsJson, Site
from recsys.cli.printing import show

app = typer.Typer()


@app.command()
def tune(
    site: Site,
    part: Annotated[
        list[str] | None,
        typer.Option(
            help="A kind of generator, ranker, candidates, intent, ctr or session; may be given again. "
            "Default: all generators and the ranker."
        ),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=2, help="Default: the site's tuning.trials.")] = None,
    as_json: AsJson = False,
) -> None:
    """Searches for better parameters on windows before the one that is judged on; goes on where it stopped."""
    from recsys.stages import tune as stage

    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(f"trials of {site}", total=None)
        report = stage.run(
            site=site,
            parts=part or (),
            trials=trials,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    show(report, as_json)
