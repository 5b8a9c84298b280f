import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.evaluation.contestants import LIVE, RANKED
from recsys.evaluation.gate import decide
from recsys.evaluation.report import EvaluationReport
from recsys.releases.judging import Judgement
from recsys.releases.page.findings import Findings
from recsys.releases.page.render import render

VOID = {"meta", "line", "circle", "rect", "path", "polyline"}


class Checked(HTMLParser):
    """Every tag is closed by its own, and the words are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_data(self, data):
        self.words.append(data)


def words_of(page: str) -> str:
    parser = Checked()
    parser.feed(page)
    assert parser.open == []
    return " ".join(" ".join(parser.words).split())


@pytest.fixture(scope="module")
def page(found: Findings) -> str:
    return render(found)


def test_the_verdict_comes_first(page, found):
    words = words_of(page)
    lift = found.report.lift["popularity"]["ndcg@10"]
    said = f"Accepted. {100 * lift.mean:.0f} % better than showing what is popular"
    assert said in words
    assert words.index(said) < words.index("What the site asks of a release")


def test_every_part_is_there(page, found):
    words = words_of(page)
    parts = ["How much better than", "All in numbers", "What the slates do", "By history", "By activity", "By item age"]
    parts += ["By category", "Where the candidates come from", "What the ranker looks at", "How it learned"]
    parts += ["10 users, drawn at random"]
    places = [words.index(part) for part in parts]
    assert places == sorted(places)
    assert {LIVE, RANKED, "popularity", "als"} <= set(found.report.contestants)
    assert page.count('class="whisker"') >= len(found.report.contestants) - 1 + len(found.report.slices)


def test_it_needs_nothing_else_and_runs_nothing(page):
    assert re.findall(r"<script|<link|<img|@import|url\(|https?://", page) == []
    assert "default-src 'none'" in page
    assert len(page) < 300_000


def test_no_user_can_be_found_in_it(page, judgement, log):
    ids = set(log.interactions[c.USER_ID]) | set(judgement.truth[c.USER_ID])
    assert [user for user in ids if re.search(rf"\b{re.escape(user)}\b", page)] == []


def test_examples_have_titles_history_and_reasons(found, judgement):
    assert len(found.examples) == 10
    assert [bool(each.events) for each in found.examples] == [True] * 8 + [False] * 2
    titles = set(judgement.moment.recall.items[c.TITLE].drop_nulls())
    shown = [item for each in found.examples for item in each.slate]
    assert {item.title for item in shown} <= titles
    assert all(
        each.history and len({done.title for done in each.history}) == len(each.history) for each in found.examples[:8]
    )
    assert any(item.because for item in shown)
    assert any(item.right for item in shown)
    for each in found.examples:
        days = [done.days_before for done in each.history]
        assert days == sorted(days)


def test_the_same_findings_give_the_same_page(page, found):
    assert render(found) == page


def test_what_is_right_is_what_the_user_then_did(found, judgement):
    slates = judgement.slates[RANKED].filter(pl.col(c.RANK) <= 10)
    hits = slates.join(judgement.truth, on=[c.USER_ID, c.ITEM_ID]).group_by(c.USER_ID).len()
    possible = set(hits["len"]) | {0}
    assert {sum(item.right for item in each.slate) for each in found.examples} <= possible


def test_a_refused_release_says_so_and_why(found):
    strict = found.decision.model_copy(update={"accepted": False})
    page = render(replace(found, decision=strict))
    assert 'class="refused"' in page
    assert "Refused." in words_of(page)
    assert "The live release stays as it is." in words_of(page)


def test_without_anything_it_is_still_a_page(found, log):
    bare = EvaluationReport.model_validate(
        found.report.model_dump(include={"window_start", "window_end", "users", "cold_users", "contestants", "lead"})
    )
    empty = replace(
        found,
        report=bare,
        decision=decide(None, log.site.gate, None),
        proposers=[],
        importances=[],
        shap=[],
        curve=[],
        examples=[],
    )
    words = words_of(render(empty))
    assert "there is no evaluation report" in words
    assert "How it learned" not in words


def test_titles_are_text_and_never_tags(found):
    bad = '<b>shop > 3 & "quotes"</b>'
    example = replace(found.examples[0], wanted=(bad,), name="<i>")
    page = render(replace(found, title=bad, examples=[example]))
    assert "<b>shop" not in page
    assert bad in words_of(page)


def test_the_pool_is_the_ceiling_and_the_best_comes_first(found, judgement):
    pool, *sources = found.proposers
    assert pool.name == "pool"
    deepest = max(pool.recall)
    assert pool.recall[deepest] >= max(each.recall[deepest] for each in sources)
    reached = [each.recall[deepest] for each in sources]
    assert reached == sorted(reached, reverse=True)
    pairs = judgement.rows.join(judgement.truth, on=[c.USER_ID, c.ITEM_ID])
    assert pool.hits == pairs.height
    proposed = pl.sum_horizontal((pl.col(c.source_rank(each.name)) <= deepest).fill_null(False) for each in sources)
    assert sum(each.unique_hits for each in sources) == pairs.filter(proposed == 1).height
    assert (pool.seconds, pool.fit_seconds) == (None, None)
    assert all(each.seconds is not None and each.fit_seconds is not None for each in sources)


def test_shap_values_add_up_to_the_score(rankers, judgement):
    ranker, rows = rankers[RANKED], judgement.rows.head(50)
    by_trees = ranker.model.predict(ranker._table(rows))
    rest = by_trees - ranker.contributions(rows).sum(axis=1)
    assert np.ptp(rest) < 1e-9


def test_the_live_release_is_judged_by_the_same_users(judgement: Judgement):
    assert set(judgement.report.contestants) == {RANKED, LIVE, "popularity", "als", "ease", "item_item"}
    assert judgement.report.slices
    assert "novelty@10" in judgement.report.contestants[RANKED].metrics
