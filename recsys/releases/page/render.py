"""Findings as HTML: no script, no network; light and dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from recsys.evaluation.bootstrap import Interval
from recsys.evaluation.contestants import BEFORE_RERANKING, LIVE, POPULARITY, RANKED
from recsys.evaluation.report import EvaluationReport
from recsys.evaluation.slices import Slice
from recsys.releases.page import charts
from recsys.releases.page.findings import POOL, Findings

if TYPE_CHECKING:
    from jinja2 import Template

QUALITY: Final = ("ndcg@10", "recall@20", "hit_rate@10", "mrr@10", "map@10", "precision@10")
CATALOGUE: Final = ("coverage@20", "novelty@10", "diversity@10", "popularity@10", "gini@10")
FEATURES_SHOWN: Final = 15
LEAST_SHOWN: Final = 0.05
"Percent of importance that rounds to more than 0.0."
NAMES: Final = {
    RANKED: "this release",
    LIVE: "live release",
    BEFORE_RERANKING: "before re-ranking",
    POOL: "all together",
}


@dataclass(frozen=True)
class Group:
    """Slices of one kind, and how ranked does beside popularity in each."""

    by: str
    slices: Sequence[Slice]
    forest: charts.Forest


def render(found: Findings) -> str:
    """The page; the same findings give the same page."""
    report = found.report
    order = sorted(report.contestants, key=lambda name: -report.contestants[name].metrics.get(found.metric, 0.0))
    rivals = [name for name in order if name != RANKED]
    rivals.sort(key=lambda name: (name != POPULARITY, name != LIVE))
    lifts = [report.lift.get(name, {}).get(found.metric) for name in rivals]
    span = charts.span([each.contributions for each in found.shap])
    return _template().render(
        found=found,
        report=report,
        sentences=_sentences(report, found.metric),
        order=order,
        rivals=rivals,
        lifts=lifts,
        forest=charts.forest(lifts),
        quality=[metric for metric in QUALITY if metric != found.metric],
        catalogue=[metric for metric in CATALOGUE if metric in report.contestants[RANKED].metrics],
        best=_best(report, QUALITY),
        groups=_groups(report),
        importances=[each for each in found.importances[:FEATURES_SHOWN] if each[1] >= LEAST_SHOWN],
        swarms=[charts.swarm(each.contributions, each.heights, span=span) for each in found.shap],
        swarm_zero=charts.swarm_zero(span),
        curve=charts.curve(found.curve),
        charts=charts,
        RANKED=RANKED,
        POPULARITY=POPULARITY,
        LIVE=LIVE,
        POOL=POOL,
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("recsys.releases.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "number": lambda number: f"{number:,}",
        "day": lambda moment: f"{moment:%Y-%m-%d}",
        "signed": lambda fraction: f"{100 * fraction:+.1f} %".replace("-", "−"),
        "percent": lambda fraction: f"{100 * fraction:.1f} %",
        "metric": _metric,
        "who": _who,
        "feature": lambda name: name.replace("_", " "),
        "p": lambda p: "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0"),
    }
    environment.filters.update(filters)
    environment.globals["style"] = Markup(files("recsys").joinpath("page.css").read_text(encoding="utf-8"))
    return environment.get_template("page.html.jinja")


def _who(name: str) -> str:
    return NAMES.get(name, name.replace("_", " "))


def _metric(name: str) -> str:
    word, _, depth = name.partition("@")
    words = {"ndcg": "nDCG", "mrr": "MRR", "map": "MAP"}
    return f"{words.get(word, word.replace('_', ' '))}@{depth}"


def _sentences(report: EvaluationReport, metric: str) -> list[str]:
    """How the release compares with what a reader knows: popularity, and the live release."""
    told = []
    for rival, words in ((POPULARITY, "showing what is popular"), (LIVE, "the live release")):
        lift = report.lift.get(rival, {}).get(metric)
        if lift is not None:
            told.append(_compared(lift, words))
    return told


def _compared(lift: Interval, words: str) -> str:
    percent = f"{abs(100 * lift.mean):.0f} %"
    if charts.verdict(lift) == "unclear":
        return f"about as good as {words}"
    return f"{percent} better than {words}" if lift.mean > 0 else f"{percent} worse than {words}"


def _best(report: EvaluationReport, metrics: Sequence[str]) -> dict[str, float]:
    values = [each.metrics for each in report.contestants.values() if each.metrics]
    return {metric: max((found.get(metric, 0.0) for found in values), default=0.0) for metric in metrics}


def _groups(report: EvaluationReport) -> list[Group]:
    return [
        Group(by, its, charts.forest([each.lead.get(POPULARITY, {}).get("ndcg@10") for each in its], percent=False))
        for by, its in ((by, list(each)) for by, each in groupby(report.slices, key=lambda each: each.by))
    ]
