from datetime import date, timedelta

import pytest
from mlflow import MlflowClient

from recsys.events.partition import Checked
from recsys.events.quality import judged
from recsys.sites.config import QualityPolicy
from recsys.stages import ingest_events, report_quality
from tests.recsys.stages.conftest import FIRST, SITE

pytestmark = pytest.mark.platform


def test_days_are_told_to_mlflow_with_pages_and_without_rows(context):
    ingest_events.run(site=SITE, first=FIRST, days=2, context=context)
    refused = FIRST + timedelta(days=1)
    context.reports.keep(judged(str(refused), Checked.nothing(), QualityPolicy(allow_empty_days=False), site=SITE))
    told = report_quality.run(site=SITE, first=FIRST, days=2, context=context)
    assert (told.passed, told.refused) == (1, (str(refused),))
    client = MlflowClient(tracking_uri=context.tracking_uri)
    experiment = client.get_experiment_by_name(f"{SITE}-quality")
    [run] = client.search_runs([experiment.experiment_id])
    assert told.page.endswith(f"/#/experiments/{experiment.experiment_id}/runs/{run.info.run_id}")
    assert run.info.status == "FINISHED"
    assert run.info.run_name == f"{FIRST} – {refused}"
    assert f"**{refused}** refused: found no rows" in run.data.tags["mlflow.note.content"]
    counts = context.datasets.manifests(SITE, FIRST, refused)[0].counts
    kept = client.get_metric_history(run.info.run_id, "rows_kept")
    assert [(each.step, each.value) for each in kept] == [(0, counts.kept), (1, 0)]
    assert [each.value for each in client.get_metric_history(run.info.run_id, "refused")] == [0, 1]
    assert {"rows_in", "bad_share", "duplicates"} <= set(run.data.metrics)
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {f"{day}.{kind}" for day in (FIRST, refused) for kind in ("html", "json")}


def test_days_without_a_report_are_not_told(context):
    told = report_quality.run(site=SITE, first=date(1999, 1, 1), context=context)
    assert told == report_quality.QualityRun(site=SITE, passed=0, refused=(), page=None)
