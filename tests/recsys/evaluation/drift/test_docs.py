"""Every bound is documented where it stands, and its check has a line in the docs."""

from pathlib import Path

from recsys.evaluation.bootstrap import Interval
from recsys.evaluation.drift import days, predictors, releases
from recsys.evaluation.drift.distributions import Change
from recsys.evaluation.drift.features import checks, score_checks
from recsys.evaluation.drift.outcomes import Outcome
from recsys.evaluation.drift.predictors import Compared, Continued
from recsys.evaluation.gate.evidence import DataEvidence
from recsys.sites.drift_policy import DriftPolicy, PredictorDriftPolicy

DOCS = Path(__file__).parents[4] / "docs" / "metrics.md"
WORDS = {
    "PSI": "(PSI)",
    "KS": "(KS)",
    "volume": "a day's volume",
    "type": "a day's mix",
    "users never seen": "new users",
    "new items": "new items",
    "came or went": "catalogue churn",
    "age": "freshness",
    "variety": "concentration",
}


def test_every_check_has_its_line():
    policy = DriftPolicy()
    volumes = DataEvidence(newest_age_hours=1.0, days=(), refused=())
    found = [
        *checks({}, policy),
        *score_checks({}, policy),
        *days.checks(days.DaysEvidence(volumes=volumes, shares=()), policy),
        *releases.checks(policy, varieties=[1.0, 1.0], release_age_hours=1.0, catalogue_churn=0.0),
    ]
    section = DOCS.read_text(encoding="utf-8").split("\n## Drift\n")[1]
    for check in found:
        told = [line for word, line in WORDS.items() if word in check.name]
        assert told, check.name
        assert all(line in section for line in told)
    bounds = {name for name in DriftPolicy.model_fields if name.startswith(("max_", "min_"))}
    assert len(found) == len(bounds - {"min_rows", "max_day_volume"})  # volumes have one check for two bounds


def test_every_check_of_a_predictor_has_its_line():
    known = Interval(mean=0.5, low=0.4, high=0.6)
    became = Outcome(rows=1, log_loss=0.1, base_rate_log_loss=0.2, gain=known, calibration=known, auc=known)
    same = Change(psi=0.0, ks=0.0)
    compared = Compared(rows=1, features={"f": same}, predictions=same, outcome=became, auc_before=0.5)
    found = predictors.checks(PredictorDriftPolicy(), age_hours=1.0, found=compared)
    continued = Continued(rows=1, mrr=known, mrr_before=0.5, unknown_items=0.0)
    found += predictors.checks(PredictorDriftPolicy(), age_hours=1.0, found=continued)[1:]
    section = DOCS.read_text(encoding="utf-8").split("\n## Drift\n")[1]
    assert [check.name for check in found if check.name not in section] == []
    assert len(found) == len({name for name in PredictorDriftPolicy.model_fields if name.startswith(("max_", "min_"))})
