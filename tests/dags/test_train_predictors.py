"""The task of a predictor, with the real stage, ends as skipped where nothing is new."""

from datetime import UTC, date, datetime

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from recsys.errors import TableRefused
from recsys.predictors.gate import Decision
from recsys.serving import lifecycle
from recsys.serving.migrate import migrate
from recsys.stages import ingest_events, trained_before
from recsys.stages.context import open_context
from recsys.stages.predictor_report import PredictorReport

SITE, END = "small_shop", datetime(2026, 3, 2, tzinfo=UTC)
YAML = """\
site: small_shop
source: {{kind: simulator, params: {{users: 20, items: 30}}}}
interactions: [{{name: view}}, {{name: cart}}, {{name: purchase}}]
predictors: {{intent: {{iterations: {trees}}}}}
"""


@pytest.fixture
def context(createdb, write_site, tmp_path, monkeypatch):
    """One day of a shop's log, where the DAGs look for it."""
    folder = write_site(SITE, text=YAML.format(trees=40)).parent
    where = {"recsys_sites_dir": folder, "recsys_home": tmp_path, "recsys_data_url": str(tmp_path / "data")}
    settings = createdb().model_copy(update=where)
    migrate(settings.postgres_dsn())
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    context = open_context(settings)
    ingest_events.run(site=SITE, first=date(2026, 3, 1), days=1, context=context)
    return context


@pytest.fixture
def refused(context):
    """What is told of the last training."""
    report = PredictorReport(
        site=SITE,
        surface="intent",
        release_id="r1",
        as_of=END,
        state="refused",
        decision=Decision(accepted=False, reason="no better than the base rate", against={}),
        learned_rows=7,
        quality={},
        model_version="v1",
        mlflow_run_id="run",
    )
    told = report.model_dump(mode="json", exclude={"state", "page", "unchanged"})
    how = {"as_of": END, "at": END, "state": "refused", "surface": "intent", "report": told}
    lifecycle.record_release(context.dsn, SITE, "r1", **how)
    made_of = trained_before.fingerprint(context, context.tuned_site(SITE), "intent", END)
    trained_before.remember(context, report, made_of)


def test_a_predictor_of_which_nothing_is_new_is_skipped_until_something_is(context, refused, parse, write_site):
    train = parse().dags[f"train_predictors__{SITE}"].get_task("intent").python_callable
    with pytest.raises(AirflowSkipException, match="nothing new: release r1, refused"):
        train(SITE, "intent", {})
    write_site(SITE, text=YAML.format(trees=41))
    with pytest.raises(TableRefused, match="min_sessions"):
        train(SITE, "intent", {})
