"""The page says what was decided, and shows it."""

from recsys.evaluation.experiments.decision import decide
from recsys.evaluation.experiments.evidence import evidence
from recsys.evaluation.experiments.report import write_report
from recsys.sites.experiment import Guardrail
from tests.recsys.evaluation.experiments.test_decision import HOURS, START, outcomes


def written(tmp_path, tried, rows) -> str:
    found = evidence(tried, rows, start=START, looks=HOURS)
    covered = {"control": 0.25, "fresh": 0.5}
    page = write_report(tmp_path / "report", tried, found, decide(tried, found), start=START, covered=covered)
    return page.read_text(encoding="utf-8")


def test_a_report_says_why_and_has_its_pictures(tmp_path, experiment):
    tried = experiment(guardrails=(Guardrail(metric="latency", max_harm=0.1),))
    page = written(tmp_path, tried, outcomes(lift=0.3))
    assert "# Experiment fresh-ranker of shop" in page
    assert "**fresh: promote.** ctr differs from control's by +" in page
    assert "| control | live | 50.0% | 2,000 | 50.00% |" in page
    assert "| latency | " in page
    assert "shown, at equally many showings: control 25.0%, fresh 50.0%." in page
    assert "guardrail; tolerated +10.0 %" in page
    pictures = sorted(path.name for path in (tmp_path / "report").glob("*.png"))
    assert pictures == ["lift_fresh_ctr.png", "lift_fresh_latency.png", "users.png"]
    assert all(f"({name})" in page for name in pictures)
    assert all((tmp_path / "report" / name).read_bytes().startswith(b"\x89PNG") for name in pictures)


def test_a_report_before_anything_is_known_says_so(tmp_path, experiment):
    page = written(tmp_path, experiment(), outcomes(users=20))
    assert "an arm has 10 users" in page
    assert "not known yet" in page
