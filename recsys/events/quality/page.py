"""The page of a report: one HTML file that needs no other, no script and no network."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from recsys.events.quality.report import QualityReport

if TYPE_CHECKING:
    from jinja2 import Template

FILES_SHOWN: Final = 50
CHART_HEIGHT: Final = 96
BAR, GAP = 18, 6
"Widths in the chart, in pixels."


@dataclass(frozen=True)
class Bar:
    """One partition in the chart of rows; pixels from the chart's upper left corner."""

    key: str
    rows: int
    x: int
    y: float
    height: float
    current: bool


@dataclass(frozen=True)
class Part:
    """One piece of the rows that came in."""

    name: str
    rows: int
    percent: float
    kind: str
    "kept, duplicate, erased, expected or bad: its color."


def render(report: QualityReport) -> str:
    """The report as HTML; the same report gives the same page."""
    return _template().render(
        report=report,
        parts=_parts(report),
        bars=_bars(report),
        chart_height=CHART_HEIGHT,
        bar_width=BAR,
        files=report.source_files[:FILES_SHOWN],
        more_files=max(0, len(report.source_files) - FILES_SHOWN),
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = lambda number: f"{number:,}"
    environment.filters["moment"] = lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "–"
    environment.globals["style"] = Markup(files("recsys").joinpath("page.css").read_text(encoding="utf-8"))
    text = files("recsys.events.quality").joinpath("page.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(text)


def _parts(report: QualityReport) -> list[Part]:
    """Where the rows went; the shares add up to 100, parts without rows are left out."""
    counts = report.counts
    named = [
        ("kept" if report.passed else "good, yet not kept", counts.kept, "kept"),
        ("duplicates", counts.duplicates, "duplicate"),
        ("erased", counts.erased, "erased"),
        *((each.reason, each.rows, "expected" if each.expected else "bad") for each in report.set_aside),
    ]
    return [Part(name, rows, 100 * rows / counts.rows_in, kind) for name, rows, kind in named if rows]


def _bars(report: QualityReport) -> list[Bar]:
    """The partitions before and this one, oldest first; the highest bar fills the chart."""
    shown = [*((each.key, each.rows) for each in report.past), (report.partition, report.counts.kept)]
    highest = max((rows for _, rows in shown), default=0) or 1
    heights = [max(1.0, round(CHART_HEIGHT * rows / highest, 1)) for _, rows in shown]
    return [
        Bar(key, rows, x=number * (BAR + GAP), y=CHART_HEIGHT - height, height=height, current=number == len(shown) - 1)
        for number, ((key, rows), height) in enumerate(zip(shown, heights, strict=True))
    ]
