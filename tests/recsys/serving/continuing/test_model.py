"""Next items of a session: order, what may come, files."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from catboost import CatBoost
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import ReleaseError
from recsys.serving.continuing.followers import Followers
from recsys.serving.continuing.kinds import SCORERS
from recsys.serving.continuing.mixture import Mixture, Part
from recsys.serving.continuing.model import MODEL_FILE, NextItems
from recsys.serving.continuing.neighbours import NeighbourRules, SessionNeighbours
from recsys.serving.continuing.popular import Popular
from recsys.serving.continuing.ranked import Evidence, Ranked
from recsys.serving.continuing.rows import Rows
from recsys.serving.continuing.scorer import SessionScorer
from recsys.serving.continuing.vectors import ItemVectors

COUNT = 12
ITEMS = [f"i{n:02d}" for n in range(COUNT)]
SESSIONS = st.lists(st.sampled_from([*ITEMS, "unknown", ""]), max_size=60)


def followers() -> Followers:
    """Each item is followed by the next, less by the one after that."""
    steps = sp.diags_array([4.0, 2.0, 1.0], offsets=[1, 2, -1], shape=(COUNT, COUNT)).tocsr()
    steps.sort_indices()
    return Followers(Rows.of_sparse(steps), position_decay=0.5)


def vectors() -> ItemVectors:
    found = np.random.default_rng(3).normal(size=(COUNT, 4)).astype(np.float32)
    return ItemVectors(found / np.linalg.norm(found, axis=1, keepdims=True), position_decay=0.7)


def popular() -> Popular:
    return Popular(np.arange(COUNT), np.linspace(1, 0.1, COUNT, dtype=np.float32).round(1))


def neighbours() -> SessionNeighbours:
    """Twenty sessions of three items."""
    draws = np.random.default_rng(5)
    rows = np.repeat(np.arange(20), 3)
    columns = np.concatenate([np.sort(draws.permutation(COUNT)[:3]) for _ in range(20)])
    contents = sp.csr_matrix((np.tile([0.0, 1.0, 2.0], 20), columns, np.arange(0, 61, 3)), shape=(20, COUNT))
    holders = sp.csr_matrix((np.full(60, 3**-0.5), (columns, rows)), shape=(COUNT, 20))
    holders.sort_indices()
    rules = NeighbourRules(
        position_decay=0.8, neighbours=5, matched_power=1.0, rarity_power=0.5, age_decay=0.5, distance_decay=0.7
    )
    return SessionNeighbours(Rows.of_sparse(holders), Rows.of_sparse(contents), np.linspace(1, 2, COUNT), rules)


def mixture() -> Mixture:
    return Mixture(
        [Part(followers(), 1.0), Part(neighbours(), 0.5), Part(popular(), 0.01)], items=COUNT, own_weight=0.3
    )


@cache
def ranked() -> Ranked:
    """Trees that learned nothing but that what the mixture says more of comes next."""
    evidence = Evidence(mixture(), np.linspace(0, 1, 2 * COUNT, dtype=np.float32).reshape(COUNT, 2), candidates=5)
    tables = [evidence.table(np.array([first, second])) for first in range(COUNT) for second in range(COUNT)]
    rows = np.concatenate([table for _, table, _ in tables])
    labels = np.concatenate([np.arange(len(columns)) == 0 for columns, _, _ in tables])
    trees = CatBoost({"iterations": 3, "depth": 2, "thread_count": 1, "allow_writing_files": False})
    trees.fit(rows, labels.astype(np.float32), verbose=False)
    with tempfile.TemporaryDirectory() as folder:
        trees.save_model(f"{folder}/trees.cbm")
        blob = (Path(folder) / "trees.cbm").read_bytes()
    return Ranked(evidence, np.frombuffer(blob, dtype=np.uint8))


MADE: dict[str, Callable[[], SessionScorer]] = {
    made().kind: made for made in (followers, vectors, popular, neighbours, mixture, ranked)
}
each_kind = pytest.mark.parametrize("kind", sorted(MADE))


def test_the_best_comes_first_and_says_because_of_what():
    found = NextItems(ITEMS, followers()).continue_session(["i03", "i05"], k=4)
    assert [(each.item_id, each.score, each.because) for each in found] == [
        ("i06", 4.0, ("i05",)),
        ("i04", 3.0, ("i03", "i05")),
        ("i07", 2.0, ("i05",)),
        ("i02", 0.5, ("i03",)),
    ]


def test_items_of_equal_scores_come_by_their_ids_however_many_are_asked_for():
    model = NextItems(ITEMS, Popular(np.arange(COUNT)[::-1], np.ones(COUNT, dtype=np.float32)))
    for k in (1, 3, COUNT):
        assert [each.item_id for each in model.continue_session(["i00"], k=k, repeats=True)] == ITEMS[:k]


@each_kind
@given(session=SESSIONS, k=st.integers(0, 15), repeats=st.booleans(), hidden=st.sets(st.sampled_from(ITEMS)))
def test_answers_keep_their_promises(kind: str, session: list[str], k: int, repeats: bool, hidden: set[str]):
    model = NextItems(ITEMS, MADE[kind]())
    found = model.continue_session(session, k=k, repeats=repeats, may_be_shown=lambda item: item not in hidden)
    ids, scores = [each.item_id for each in found], [each.score for each in found]
    assert len(ids) == len(set(ids)) <= k
    assert not set(ids) & hidden
    assert repeats or not set(ids) & set(session)
    assert [(-each.score, each.item_id) for each in found] == sorted((-each.score, each.item_id) for each in found)
    assert np.isfinite(scores).all()
    assert all(set(each.because) <= set(session) - {each.item_id} and len(each.because) <= 2 for each in found)
    assert found == model.continue_session(
        [item for item in session if item in ITEMS], k=k, repeats=repeats, may_be_shown=lambda item: item not in hidden
    )
    if not set(session) & set(ITEMS):
        assert found == []


@each_kind
def test_a_model_that_was_saved_answers_as_before(kind: str, tmp_path: Path):
    model = NextItems(ITEMS, MADE[kind]())
    version = model.save(tmp_path)
    again = NextItems.load(tmp_path)
    assert (again.kind, again.version, again.items) == (kind, version, tuple(ITEMS))
    draws = np.random.default_rng(1)
    for length in (1, 2, 5, 30):
        session = draws.choice(ITEMS, size=length).tolist()
        assert again.continue_session(session, k=8, repeats=True) == model.continue_session(session, k=8, repeats=True)
    assert again.save(tmp_path / "again") == version


def test_an_item_that_is_no_longer_shown_makes_room_for_the_next():
    model = NextItems(ITEMS, popular())
    assert [each.item_id for each in model.continue_session(["i11"], k=2, may_be_shown=lambda item: item > "i04")] == [
        "i05",
        "i06",
    ]


def test_a_session_comes_back_to_its_own_items_as_much_as_the_mixture_says():
    model = NextItems(ITEMS, Mixture([Part(followers(), 1.0)], items=COUNT, own_weight=2.0, own_decay=0.5))
    assert [each.item_id for each in model.continue_session(["i03", "i05"], k=3, repeats=True)] == ["i05", "i03", "i06"]
    assert [each.item_id for each in model.continue_session(["i03", "i05"], k=2)] == ["i06", "i04"]


def test_files_that_are_missing_are_named(tmp_path: Path):
    NextItems(ITEMS, popular()).save(tmp_path)
    (tmp_path / "scores.npy").unlink()
    with pytest.raises(ReleaseError, match=r"scores\.npy"):
        NextItems.load(tmp_path)
    with pytest.raises(ReleaseError, match=r"items\.json"):
        NextItems.load(tmp_path / "none")


def test_a_kind_of_another_version_is_refused(tmp_path: Path):
    NextItems(ITEMS, popular()).save(tmp_path)
    text = (tmp_path / MODEL_FILE).read_text()
    (tmp_path / MODEL_FILE).write_text(text.replace('"popular"', '"oracle"'))
    with pytest.raises(ReleaseError, match=r"'oracle'.*followers"):
        NextItems.load(tmp_path)


def test_every_kind_is_known_by_its_name():
    assert all(SCORERS[name].kind == name for name in SCORERS)
    assert set(MADE) <= set(SCORERS)
