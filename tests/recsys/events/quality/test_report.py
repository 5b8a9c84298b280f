import re
import subprocess
import sys
from html.parser import HTMLParser

import polars as pl
import pytest
from pydantic import ValidationError

from recsys import columns as c
from recsys.errors import ConfigError
from recsys.events.quality import PastDay, QualityReport, matches
from recsys.events.raw import SourceFile
from tests.recsys.events.quality.conftest import aside

FILES = [SourceFile(name=f"part-{n:03}.csv", rows=n, sha256=f"{n:064x}") for n in range(60)]


class Page(HTMLParser):
    """Every tag that was opened is closed, and what a reader sees."""

    VOID = frozenset({"meta", "br", "wbr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def bad(judge) -> QualityReport:
    evil = aside("<script>alert(1)</script>", "robot").with_columns(pl.lit('"><img src=x onerror=y>').alias(c.RAW))
    past = [PastDay(key=f"2026-02-{day:02}", rows=day) for day in range(1, 29)]
    policy = {"max_bad_share": 0.0, "expected_reasons": ["robot"], "table": {"max_null_share": {"value": 0}}}
    return judge(policy, quarantine=evil, duplicates=2, past=past, source_files=FILES)


def test_a_report_is_read_back_from_its_json(bad):
    assert QualityReport.model_validate_json(bad.to_json()) == bad


def test_a_verdict_must_follow_from_the_checks(bad):
    with pytest.raises(ValidationError, match="found passed=True with 2 failing checks"):
        QualityReport.model_validate(bad.model_dump() | {"passed": True})


def test_the_page_says_it_all_and_asks_for_nothing_else(bad, judge):
    for report in (bad, judge(), judge(kept=pl.DataFrame())):
        page = Page(report.to_html().decode())
        assert page.open == []
        assert {"script", "img", "link", "iframe"}.isdisjoint(page.tags)
        assert {"src", "href", "onerror", "onload"}.isdisjoint(page.attributes)
        assert not re.search(r"https?:|url\(|@import", report.to_html().decode())
        for check in report.checks:
            assert check.found in page.text


def test_the_page_of_a_refused_partition(bad):
    page = Page(bad.to_html().decode()).text
    assert "Refused. 2 of 5 checks failed; nothing of this partition was committed." in page
    assert "found value null in 12 of 12 interactions (100.0%), expected at most 0.0%" in page
    for said in ("<script>alert(1)</script>", '"><img src=x onerror=y>', "day.csv", "line 2", "normal for this source"):
        assert said in page
    assert "part-049.csv" in page
    assert "part-050.csv" not in page
    assert "And 10 more" in page


def test_the_page_of_a_good_partition(judge):
    page = Page(judge(duplicates=3).to_html().decode()).text
    assert "Good. 12 of 15 rows are in the event log." in page
    assert "duplicates 3 20.0 %" in page


def test_where_an_erasure_does_not_reach_rows_keep_their_place_alone(bad):
    shown = bad.without_rows()
    assert bad.set_aside[0].samples[0].text in bad.to_json().decode().replace('\\"', '"')
    for page in (shown.to_json().decode(), Page(shown.to_html().decode()).text):
        assert "onerror" not in page
        assert "anna" not in page
        assert "day.csv" in page
    assert shown.failing[0].sentence == bad.failing[0].sentence


def test_lines_match_somewhere_and_without_their_ending():
    lines = pl.Series(["12,GET /rate/x=5", "12,GET /rate/x=5\r\n", "GET", "", None])
    assert matches(lines, r"^\d+,GET .*=\d$").to_list() == [True, True, False, False, False]


def test_a_pattern_that_rust_does_not_know_is_a_fault_of_the_yaml():
    with pytest.raises(ConfigError, match=r"(?s)quality.line_pattern: found '\(\?=a\)', expected .* look-around"):
        matches(pl.Series([], dtype=pl.String), "(?=a)")


def test_importing_loads_neither_the_checker_nor_the_templates():
    code = "import sys, recsys.events.quality; print({'dataframely', 'jinja2'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
