"""``recsys stage`` and ``recsys evaluate``: single steps, as Airflow would run them."""

from datetime import datetime
from enum import StrEnum
from importlib import import_module
from typing import Annotated, Any

import typer
from rich import get_console
from rich.console import Console
from rich.table import Table

from recsys.cli.options import AsJson, Site, utc
from recsys.cli.printing import print_json, show
from recsys.errors import ConfigError

app = typer.Typer()


class Stage(StrEnum):
    """Every stage, in the order in which they follow each other."""

    INGEST_EVENTS = "ingest_events"
    REPORT_QUALITY = "report_quality"
    ERASE_USERS = "erase_users"
    BUILD_CANDIDATES = "build_candidates"
    TRAIN_RANKER = "train_ranker"
    TRAIN_PREDICTOR = "train_predictor"
    RELEASE_RECOMMENDATIONS = "release_recommendations"
    JUDGE_EXPERIMENTS = "judge_experiments"
    WATCH_DRIFT = "watch_drift"
    MAINTAIN_STORAGE = "maintain_storage"


class Predictor(StrEnum):
    """What is predicted beside recommendations."""

    INTENT = "intent"
    CTR = "ctr"
    SESSION = "session"


@app.command()
def stage(
    name: Annotated[Stage, typer.Argument(help="Which step.")],
    site: Site,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="UTC day, for ingest_events, report_quality, watch_drift."),
    ] = None,
    hour: Annotated[
        int | None, typer.Option(min=0, max=23, help="That hour alone, where the site's partitions are hours.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Exclusive UTC time such as 2026-08-01 or 2026-08-01T06:00Z.")
    ] = None,
    release_id: Annotated[str | None, typer.Option(help="Default: the newest unfinished release.")] = None,
    surface: Annotated[Predictor | None, typer.Option(help="Which predictor, for train_predictor.")] = None,
    as_json: AsJson = False,
) -> None:
    """Runs one step, as Airflow would."""
    if name is Stage.TRAIN_PREDICTOR and surface is None:
        raise ConfigError(f"stage {name}: found no --surface; say which predictor: --surface intent, ctr or session")
    if name in (Stage.INGEST_EVENTS, Stage.REPORT_QUALITY) and day is None:
        raise ConfigError(f"stage {name}: found no --day; say which UTC day: --day 2026-08-01")
    arguments: dict[Stage, dict[str, Any]] = {
        Stage.INGEST_EVENTS: {"first": day and day.date(), "hour": hour},
        Stage.REPORT_QUALITY: {"first": day and day.date()},
        Stage.ERASE_USERS: {},
        Stage.BUILD_CANDIDATES: {"as_of": utc(as_of)},
        Stage.TRAIN_RANKER: {"release_id": release_id},
        Stage.TRAIN_PREDICTOR: {"surface": surface and surface.value, "as_of": utc(as_of)},
        Stage.RELEASE_RECOMMENDATIONS: {"release_id": release_id},
        Stage.JUDGE_EXPERIMENTS: {},
        Stage.WATCH_DRIFT: {"day": day and day.date()},
        Stage.MAINTAIN_STORAGE: {},
    }
    module = import_module(f"recsys.stages.{name}")
    with Console(stderr=True).status(f"{name} of {site}"):
        report = module.run(site=site, **arguments[name])
    show(report, as_json)


@app.command()
def evaluate(site: Site, as_json: AsJson = False) -> None:
    """Shows how the newest release did on its later window, beside popularity and each generator."""
    from recsys.stages import change_release

    report = change_release.judged(site=site)
    print_json(report) if as_json else _print_evaluation(report)


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
