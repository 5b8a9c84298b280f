"""The reports of data quality of some UTC days, in MLflow: numbers by day, and the pages.

The reports themselves lie beside the partitions; MLflow holds copies without the content of rows, because an erasure
does not reach there.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from recsys.events.quality import QualityReport
from recsys.stages.context import StageContext, open_context
from recsys.types import Frozen, SiteId

if TYPE_CHECKING:
    from mlflow import MlflowClient

METRICS_AT_ONCE: Final = 1000
"What MLflow takes in one request."


class QualityRun(Frozen):
    """What was told to MLflow."""

    site: SiteId
    passed: int
    "Partitions whose checks all passed."
    refused: tuple[str, ...]
    "Partitions that were refused."
    page: str | None
    "Where MLflow shows it; None when none of the days has a report."


def run(
    *, site: SiteId, first: date, days: int = 1, hour: int | None = None, context: StageContext | None = None
) -> QualityRun:
    """MLflow has one more run in the experiment ``<site>-quality``: a step for each day, a page for each partition.

    A partition that was refused is told by the report of its refusal, whatever was committed before.

    Args:
        site: which site.
        first: first UTC day.
        days: how many days, at least 1.
        hour: that hour of the first day alone; for sites whose partitions are hours.
        context: stores; by default from the environment.

    Raises:
        mlflow.exceptions.MlflowException: MLflow does not answer; nothing depends on it, so this may be done again.
    """
    context = context or open_context()
    reports = _latest(context, site, first, days, hour)
    refused = tuple(report.partition for report in reports if not report.passed)
    page = _log(context.tracking_uri, site, reports) if reports else None
    return QualityRun(site=site, passed=len(reports) - len(refused), refused=refused, page=page)


def _latest(context: StageContext, site: SiteId, first: date, days: int, hour: int | None) -> list[QualityReport]:
    before = first + timedelta(days=days)
    committed = {report.partition: report for report in context.reports.committed(site, first, before)}
    refused = {report.partition: report for report in context.reports.refused(site, first, before)}
    latest = committed | refused
    return [latest[name] for name in sorted(latest) if hour is None or name == f"{first}T{hour:02}"]


def _log(uri: str, site: SiteId, reports: list[QualityReport]) -> str:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(tracking_uri=uri)
    experiment = _experiment(client, f"{site}-quality")
    first, last = reports[0].partition, reports[-1].partition
    name = first if first == last else f"{first} – {last}"
    run_id: str = client.create_run(experiment, run_name=name, tags=_tags(site, reports)).info.run_id
    points = [
        Metric(metric, value, timestamp=int(datetime.combine(day, time(), UTC).timestamp() * 1000), step=step)
        for step, (day, metrics) in enumerate(_by_day(reports).items())
        for metric, value in metrics.items()
    ]
    for start in range(0, len(points), METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=points[start : start + METRICS_AT_ONCE])
    with TemporaryDirectory(prefix="recsys-quality-") as folder:
        for report in reports:
            shown = report.without_rows()
            Path(folder, f"{report.partition}.html").write_bytes(shown.to_html())
            Path(folder, f"{report.partition}.json").write_bytes(shown.to_json())
        client.log_artifacts(run_id, folder)
    client.set_terminated(run_id)
    return f"{uri}/#/experiments/{experiment}/runs/{run_id}"


def _experiment(client: "MlflowClient", name: str) -> str:
    """The id of the experiment, which is made when there is none; others may be making it at the same time."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _by_day(reports: Iterable[QualityReport]) -> dict[date, dict[str, float]]:
    """Metrics of each day; hours are added up. Reports are in order of time."""
    days = {}
    for day, its in groupby(reports, key=lambda report: date.fromisoformat(report.partition[:10])):
        found = list(its)
        counts = [report.counts for report in found]
        rows_in = sum(each.rows_in for each in counts)
        bad = sum(each.rows for report in found for each in report.set_aside if not each.expected)
        days[day] = {
            "rows_in": rows_in,
            "rows_kept": sum(report.counts.kept for report in found if report.passed),
            "bad_share": bad / rows_in if rows_in else 0.0,
            "duplicates": sum(each.duplicates for each in counts),
            "refused": sum(not report.passed for report in found),
        }
    return days


def _tags(site: SiteId, reports: Iterable[QualityReport]) -> dict[str, str]:
    """The note is what MLflow shows as the run's description."""
    lines = [f"* **{report.partition}** refused: {report.summary}" for report in reports if not report.passed]
    note = "\n".join(lines) or "Every check of every partition passed."
    return {"site": site, "mlflow.note.content": note[:5000]}
