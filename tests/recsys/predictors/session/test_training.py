"""Next items are learned: what is planted is found, files answer as the model did, generators say the same."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates.covisitation import Covisitation, CovisitationParams
from recsys.candidates.query import QueryGenerator
from recsys.candidates.sequences import Sequences
from recsys.candidates.session_knn import SessionKnn
from recsys.errors import ConfigError, TableRefused
from recsys.predictors.session import cases_of, fit_sessions, judge_sessions
from recsys.predictors.session.kinds import LEARNERS, checked, learn
from recsys.serving.continuing.model import NextItems
from recsys.sites.predictor_policy import SessionPolicy

LETTERS = "abcdefghijklmnopqrst"
CHANCES = (0.5, 0.3, 0.2)


@pytest.fixture(scope="module")
def sessions() -> list[str]:
    """Every item is followed by the next three of the alphabet, a circle, with CHANCES."""
    draws = np.random.default_rng(11)
    found = []
    for _ in range(1500):
        at = [int(draws.integers(len(LETTERS)))]
        while len(at) < 5:
            at.append((at[-1] + 1 + int(draws.choice(3, p=CHANCES))) % len(LETTERS))
        found.append("".join(LETTERS[n] for n in at))
    return found


QUICK = {"vectors": {"min_events": 1, "epochs": 3}, "ranked": {"iterations": 20}}


def policy(kind: str) -> SessionPolicy:
    return SessionPolicy(kind=kind, params=QUICK.get(kind, {}))


def test_what_was_planted_is_found_in_its_order(sessions):
    model = fit_sessions(sessions, policy("followers"), rng=np.random.default_rng(1)).baselines["last item"]
    for n, letter in enumerate(LETTERS):
        expected = [LETTERS[(n + step) % len(LETTERS)] for step in (1, 2, 3)]
        assert [each.item_id for each in model.continue_session([letter], k=3)] == expected


def test_the_default_finds_what_was_planted_and_beats_popularity(sessions):
    fitted = fit_sessions(sessions[:600], SessionPolicy(), rng=np.random.default_rng(1))
    cases = cases_of(sessions[1400:], repeats=False)
    said = {
        name: judge_sessions(model, cases, popularity=fitted.popularity, repeats=False, k=3).quality
        for name, model in [("model", fitted.model), *fitted.baselines.items()]
    }
    assert said["model"].hit_rate > 0.8
    assert said["popularity"].hit_rate < 0.4
    assert said["model"].mrr > said["V-SKNN"].mrr > said["popularity"].mrr
    assert said["popularity"].coverage < said["model"].coverage == 1.0


def test_a_judge_counts_hits_ranks_and_what_is_shown(sessions):
    fitted = fit_sessions(sessions, policy("popular"), rng=np.random.default_rng(1))
    best = [each.item_id for each in fitted.model.continue_session(["a"], k=3, repeats=True)]
    cases = cases_of([["a", best[0]], ["a", best[2]], ["a", "unknown"], ["unknown", "a"]], repeats=True)
    judged = judge_sessions(fitted.model, cases, popularity=fitted.popularity, repeats=True, k=3)
    assert judged.ranks.tolist() == [1, 3, 0, 0]
    assert judged.groups.tolist() == [0, 1, 2, 3]
    assert judged.quality.hit_rate == 0.5
    assert judged.quality.mrr == pytest.approx(1 / 3)
    assert judged.quality.answered == 0.75
    assert judged.quality.coverage == 3 / len(LETTERS)
    most = max(fitted.popularity.values())
    expected = sum(fitted.popularity[item] for item in best) / (3 * most)
    assert judged.quality.popularity_bias == pytest.approx(expected)


@pytest.mark.parametrize("kind", sorted(set(LEARNERS) - {"attention"}))
def test_every_kind_answers_the_same_from_its_files(kind, sessions, tmp_path: Path):
    model = fit_sessions(sessions[:600], policy(kind), rng=np.random.default_rng(1)).model
    version = model.save(tmp_path)
    again = NextItems.load(tmp_path)
    assert (again.version, again.kind) == (version, kind)
    for session in sessions[600:650]:
        assert again.continue_session(session, k=10) == model.continue_session(session, k=10)
    twin = fit_sessions(sessions[:600], policy(kind), rng=np.random.default_rng(1)).model
    assert twin.save(tmp_path / "twin") == version


@pytest.mark.parametrize(
    ("generator", "kind"),
    [
        (SessionKnn(), "neighbours"),
        (Covisitation(CovisitationParams(within="session", half_life_days=None)), "followers"),
    ],
)
def test_a_kind_says_what_its_generator_says(generator: QueryGenerator, kind: str, sessions):
    past = Sequences.of_lists(sessions[:300])
    model = NextItems(
        past.items.to_list(),
        learn(past, kind, {"position_decay": generator.params.position_decay}, np.random.default_rng(1)),
    )
    generator.fit(_log(sessions[:300]), items=_catalogue(), rng=np.random.default_rng(1))
    asked = {f"s{n}": session for n, session in enumerate(dict.fromkeys(sessions[300:360]))}
    rows = [(name, item, place) for name, session in asked.items() for place, item in enumerate(session)]
    told = pl.DataFrame(rows, schema=[c.SESSION_ID, c.ITEM_ID, c.POSITION], orient="row")
    nothing = pl.DataFrame(schema={c.SESSION_ID: pl.String, c.ITEM_ID: pl.String})
    found = generator.continue_sessions(told, k=10, exclude=nothing)
    assert found.height
    for name, session in asked.items():
        expected = found.filter(pl.col(c.SESSION_ID) == name).sort(c.RANK)
        answer = model.continue_session(session, k=10, repeats=True)
        assert [each.score for each in answer] == pytest.approx(expected[c.SCORE].to_list(), rel=1e-4)
        assert {each.item_id for each in answer} == set(expected[c.ITEM_ID]) or len(set(expected[c.SCORE])) < 10


def test_trees_learn_to_do_better_than_what_they_weigh(sessions):
    """Of the items of a session those that came twice come again: no part of the mixture says so."""
    draws = np.random.default_rng(4)
    found = []
    for _ in range(900):
        a, b, other = draws.choice(list(LETTERS), size=3, replace=False)
        found.append([a, b, a, other, a])
    past, later = found[:800], found[800:]
    cases = [case for case in cases_of(later, repeats=True) if len(case.session) == 4]
    mrr = {}
    for kind in ("mixture", "ranked"):
        fitted = fit_sessions(
            past, SessionPolicy(kind=kind, params={"own_weight": 0.1, **QUICK.get(kind, {})}), rng=draws
        )
        assert fitted.model.kind == kind
        mrr[kind] = judge_sessions(fitted.model, cases, popularity=fitted.popularity, repeats=True).quality.mrr
    assert mrr["ranked"] > 0.95 > mrr["mixture"]


def test_without_enough_to_learn_from_the_mixture_decides_alone(sessions):
    fitted = fit_sessions(sessions[:300], SessionPolicy(kind="ranked"), rng=np.random.default_rng(1))
    assert fitted.model.kind == "mixture"


def test_a_table_that_is_too_thin_blocks_the_training(sessions):
    with pytest.raises(TableRefused, match=r"predictors\.session\.checks\.min_sessions.*min_items"):
        fit_sessions(["a"] * 30, SessionPolicy(), rng=np.random.default_rng(1))


def test_kinds_and_params_that_there_are_not_are_named():
    with pytest.raises(ConfigError, match=r"'oracle'.*followers"):
        checked("oracle", {})
    with pytest.raises(ConfigError, match="neighbors"):
        checked("neighbours", {"neighbors": 3})


def _log(sessions: list[str]) -> pl.DataFrame:
    """Sessions one after the other, a minute between events."""
    flat = [(f"s{n:04d}", item) for n, session in enumerate(sessions) for item in session]
    times = pl.Series(range(len(flat)), dtype=pl.Int64) * 60_000_000
    return pl.DataFrame(flat, schema=[c.SESSION_ID, c.ITEM_ID], orient="row").with_columns(
        pl.col(c.SESSION_ID).alias(c.USER_ID),
        times.cast(pl.Datetime("us", "UTC")).alias(c.TIMESTAMP),
        pl.lit(1.0).alias(c.WEIGHT),
    )


def _catalogue() -> pl.DataFrame:
    return pl.DataFrame({c.ITEM_ID: list(LETTERS), c.AVAILABLE: [True] * len(LETTERS)})
