"""``recsys offline``: recommendations from files to files, without a site or a server."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from recsys.cli.options import AsJson
from recsys.cli.printing import show

app = typer.Typer(no_args_is_help=True, help="Recommendations from files to files, without a site or a server.")
K = Annotated[int, typer.Option("--k", min=1, max=1000, help="Positions for each.")]
Out = Annotated[Path, typer.Option("--out", help="The Parquet file that is written.")]


@app.command()
def recommend(
    events: Annotated[
        Path,
        typer.Option(
            help="Parquet: user_id, item_id, event_type, value, timestamp (all null: the order of rows counts)."
        ),
    ],
    users: Annotated[Path, typer.Option(help="One user id a line.")],
    out: Out,
    items: Annotated[Path | None, typer.Option(help="Parquet: item_id and whatever is known of items.")] = None,
    k: K = 20,
    trial: Annotated[
        bool, typer.Option("--trial", help="Take more generators where the log's own label windows say that they help.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Writes the best items for each user (user_id, item_id, rank), none that they had before."""
    from recsys.stages import offline

    with _progress():
        report = offline.recommend(events=events, items=items, users=users, k=k, out=out, trial=trial)
    show(report, as_json)


@app.command("next-item")
def next_item(
    sessions: Annotated[Path, typer.Option(help="One session a line: item ids, oldest first; sessions by time.")],
    cases: Annotated[
        Path, typer.Option(help="One case a line: item ids, oldest first; what follows a tab is not read.")
    ],
    out: Out,
    k: K = 20,
    as_json: AsJson = False,
) -> None:
    """Writes what most likely comes next in each case (case, item_id, rank); items of the case may come again."""
    from recsys.stages import offline

    with _progress():
        report = offline.next_item(sessions=sessions, cases=cases, k=k, out=out)
    show(report, as_json)


@contextmanager
def _progress() -> Iterator[None]:
    """Steps as they begin and end, on stderr."""
    steps = logging.getLogger("recsys.steps")
    handler = RichHandler(console=Console(stderr=True), show_path=False, show_level=False)
    steps.addHandler(handler)
    steps.setLevel(logging.INFO)
    try:
        yield
    finally:
        steps.removeHandler(handler)
