"""``recsys pipeline``: the stages on files alone, as ``dvc.yaml`` runs them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recsys.cli.options import AsJson
from recsys.cli.printing import show

app = typer.Typer(no_args_is_help=True, help="The stages on files alone, as dvc.yaml runs them.")

ParamsFile = Annotated[Path, typer.Option("--params", help="First day, days and site.")]
Folder = Annotated[Path, typer.Option(help="Where each step has its folder.")]


class Step(StrEnum):
    """Every step, in the order in which they follow each other."""

    LOG = "log"
    CANDIDATES = "candidates"
    RANKER = "ranker"
    JUDGEMENT = "judgement"
    SLATES = "slates"
    MANIFEST = "manifest"


@app.command()
def step(
    name: Annotated[Step, typer.Argument(help="Which step.")],
    params: ParamsFile = Path("params.yaml"),
    folder: Folder = Path("workspace"),
) -> None:
    """Runs one step; dvc repro runs those that are needed."""
    from recsys.stages.pipeline import Params, Pipeline

    with Console(stderr=True).status(name):
        getattr(Pipeline(Params.read(params), folder), name)()


@app.command()
def track(
    params: ParamsFile = Path("params.yaml"),
    folder: Folder = Path("workspace"),
    lock: Annotated[Path, typer.Option(help="What dvc repro wrote.")] = Path("dvc.lock"),
    as_json: AsJson = False,
) -> None:
    """Logs dvc.lock, with parameters and figures, as a run in MLflow."""
    from recsys.stages import track_pipeline

    show(track_pipeline.run(params=params, folder=folder, lock=lock), as_json)
