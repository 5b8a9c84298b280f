"""The gauges of the exporter, told of a platform of which a part is away."""

from datetime import UTC, date, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from recsys.datasets.reports import Reports
from recsys.evaluation.bootstrap import Interval
from recsys.evaluation.drift.distributions import Change
from recsys.evaluation.drift.outcomes import Outcome
from recsys.evaluation.drift.predictors import Compared, PredictorDrift
from recsys.evaluation.drift.report import DriftReport
from recsys.evaluation.gate.check import Check
from recsys.events.partition import Checked
from recsys.events.quality import judged
from recsys.local import measuring
from recsys.local.platform import running
from recsys.local.servers.http import fetch
from recsys.serving import experiments, lifecycle
from recsys.serving.migrate import migrate
from recsys.sites import add_site
from recsys.sites.config import QualityPolicy
from recsys.sites.experiment import Experiment
from recsys.stages import ingest_events
from recsys.stages.context import open_context

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop(createdb, tmp_path):
    """A site with three releases and two partitions, one of them refused; Airflow is away."""
    settings = createdb().model_copy(update={"recsys_home": tmp_path, "recsys_data_url": str(tmp_path / "data")})
    migrate(settings.postgres_dsn())
    add_site(settings.sites_dir, "demo_shop")
    for number, state in enumerate(("refused", "refused", "gated")):
        at = AT.replace(hour=number)
        lifecycle.record_release(settings.postgres_dsn(), "demo_shop", f"r{number}", as_of=at, at=at, state=state)
    context = open_context(settings)
    ingest_events.run(site="demo_shop", first=date(2026, 3, 1), days=1, context=context)
    arms = ({"name": "live", "share": 0.5}, {"name": "plain", "share": 0.5, "mode": "popular"})
    calm = Experiment.model_validate({"id": "calm", "site": "demo_shop", "arms": arms, "ramp": (0.1,)})
    experiments.start(settings.postgres_dsn(), calm, AT)
    check = Check(name="a volume", passed=False, found="9", expected="1")
    held = Check(name="a gain", passed=True, found="1", expected="1")
    changes = {"price": Change(psi=0.5, ks=0.1)}
    known = Interval(mean=0.4, low=0.3, high=0.5)
    became = Outcome(rows=900, log_loss=0.3, base_rate_log_loss=0.5, gain=known, calibration=None, auc=known)
    compared = Compared(rows=900, features=changes, predictions=changes["price"], outcome=became, auc_before=0.7)
    predictor = PredictorDrift(
        surface="intent", release_id="p1", trained_as_of=AT, checks=(check, held), found=compared
    )
    drift = DriftReport(
        site="demo_shop", as_of=AT, checks=(check,), features=changes, scores={}, predictors=(predictor,)
    )
    context.blobs.put("drift/demo_shop/newest.json", drift.model_dump_json().encode())
    Reports(context.blobs).keep(
        judged("2026-03-02", Checked.nothing(), QualityPolicy(allow_empty_days=False), site="demo_shop")
    )
    return settings


def told(families) -> dict[tuple[str, ...], float]:
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_what_stores_say_is_told_and_who_is_away_is_named(shop):
    gauges = told(measuring.measure(shop))
    assert gauges["recsys_store_reached", "releases"] == 1
    assert gauges["recsys_store_reached", "event_log"] == 1
    assert gauges["recsys_store_reached", "airflow"] == 0
    assert gauges["recsys_releases", "demo_shop", "refused"] == 2
    assert gauges["recsys_releases", "demo_shop", "gated"] == 1
    assert gauges["recsys_releases", "demo_shop", "live"] == 0
    assert gauges["recsys_experiments", "demo_shop", "running"] == 1
    assert gauges["recsys_experiment_ramp", "demo_shop", "calm"] == 0.1
    assert gauges["recsys_drift_alarm", "demo_shop", "a volume"] == 1
    assert gauges["recsys_drift_feature_psi", "demo_shop", "price"] == 0.5
    assert gauges["recsys_predictor_alarm", "demo_shop", "intent", "a volume"] == 1
    assert gauges["recsys_predictor_alarm", "demo_shop", "intent", "a gain"] == 0
    assert gauges["recsys_predictor_feature_psi", "demo_shop", "intent", "price"] == 0.5
    assert gauges["recsys_predictor_prediction_psi", "demo_shop", "intent"] == 0.5
    assert gauges["recsys_predictor_rows", "demo_shop", "intent"] == 900
    assert gauges["recsys_predictor_outcome", "demo_shop", "intent", "auc", "low"] == 0.3
    assert not any("calibration" in labels for labels in gauges)
    assert gauges["recsys_event_log_refused_partitions", "demo_shop"] == 1
    assert gauges["recsys_event_log_rows", "demo_shop", "kept"] > 100
    last = datetime.fromtimestamp(gauges["recsys_event_log_end_timestamp_seconds", "demo_shop"], UTC)
    assert last.date() == date(2026, 3, 1)
    assert not any(name.startswith("recsys_dag") for name, *_ in gauges)


@pytest.mark.platform
def test_the_exporter_answers_prometheus(settings):
    with running(settings, ["exporter"], say=print):
        page = fetch(f"{settings.exporter_url}/metrics").decode()
    gauges = told(text_string_to_metric_families(page))
    assert gauges["recsys_store_reached", "airflow"] == 0
    assert gauges["recsys_measured_timestamp_seconds",] > AT.timestamp()
