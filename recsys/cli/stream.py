"""``recsys stream``: a site's Kafka topic comes into the event log."""

import signal
from threading import Event
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from recsys.cli.options import AsJson, Site, utc
from recsys.cli.printing import show
from recsys.errors import ConfigError

app = typer.Typer()


@app.command()
def stream(
    site: Site,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End with the last message there is now.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0.0, help="End after so many seconds.")] = None,
    from_time: Annotated[
        str | None, typer.Option(help="Go back to the messages since this UTC time, such as 2026-08-01T06:00Z.")
    ] = None,
    from_offset: Annotated[int | None, typer.Option(min=0, help="Go back to this offset of each partition.")] = None,
    as_json: AsJson = False,
) -> None:
    """Follows a site's Kafka topic into the event log; unless told otherwise, until Ctrl-C or SIGTERM."""
    from recsys.stages import consume_stream

    if until_idle and seconds is not None:
        raise ConfigError("found --until-idle and --seconds, expected one of them; leave one out")
    console = Console(stderr=True)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console) as bar:
        task = bar.add_task(f"messages of {site}", total=None)
        report = consume_stream.run(
            site=site,
            until="idle" if until_idle else "forever" if seconds is None else seconds,
            from_offset=from_offset,
            from_time=utc(from_time, option="--from-time"),
            progress=lambda read, there: bar.update(task, completed=read, total=max(read, there)),
            say=lambda sentence: console.log(sentence, highlight=False, markup=False),
            stop=_on_signal(),
        )
    show(report, as_json)


def _on_signal() -> Event:
    """Set by Ctrl-C or SIGTERM; the second one ends the process at once, which loses nothing either."""
    stop = Event()

    def end(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    return stop
