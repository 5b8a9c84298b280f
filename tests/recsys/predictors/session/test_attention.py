"""The transformer learns what was planted, and answers without the library that trained it."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recsys.candidates.sequences import Sequences
from recsys.errors import ConfigError, NotEnoughData
from recsys.predictors.session import attention
from recsys.predictors.session.attention import AttentionParams, Draws, learn_attention
from recsys.predictors.session.attention_lessons import Batch, Lessons
from recsys.serving.continuing.attention import Attention
from recsys.serving.continuing.model import NextItems

LETTERS = "abcdefghijklmnopqrst"
PARAMS = AttentionParams(
    embedding_size=16, layers=1, longest=8, negatives=12, batch_events=512, learning_rate=0.02, epochs=6, dropout=0.1
)


def circle(count: int, seed: int = 11) -> Sequences:
    """After an item comes the next of the alphabet, or (one in five) the one after that, in a circle."""
    draws = np.random.default_rng(seed)
    starts, steps = draws.integers(len(LETTERS), size=(count, 1)), 1 + (draws.random((count, 5)) < 0.2)
    places = (starts + np.concatenate([np.zeros((count, 1), int), steps.cumsum(axis=1)], axis=1)) % len(LETTERS)
    return Sequences.of_lists([[LETTERS[n] for n in row] for row in places])


@pytest.fixture(scope="module")
def learned() -> Attention:
    pytest.importorskip("jax", reason="the extra neural is not installed")
    return learn_attention(circle(1500), PARAMS, np.random.default_rng(3))


def test_a_planted_chain_is_found_in_its_order(learned: Attention):
    model = NextItems(LETTERS, learned)
    for n, letter in enumerate(LETTERS):
        expected = [LETTERS[(n + step) % len(LETTERS)] for step in (1, 2)]
        found = model.continue_session([LETTERS[n - 1], letter], k=2)
        assert [each.item_id for each in found] == expected
        assert found[0].score > 0.5 > found[1].score > 0.01  # planted: 0.8 and 0.2


def test_numpy_computes_what_jax_does(learned: Attention):
    import jax

    from recsys.predictors.session.attention_network import scores

    weights = {name: jax.numpy.asarray(values) for name, values in learned.weights.items()}
    weights["log_sharpness"] = jax.numpy.log(weights.pop("sharpness"))
    session = np.random.default_rng(5).integers(len(LETTERS), size=8)
    trained = np.asarray(jax.jit(scores)(weights, Batch(session[None], session[None], np.zeros((1, 8), np.int32))))
    for events, said in enumerate(trained, start=1):
        columns, served = learned.score(session[:events])
        assert np.log(served) == pytest.approx(said - np.log(np.exp(said).sum()), abs=1e-4)
        assert np.array_equal(columns[np.argsort(-served)], np.argsort(-said))


def test_the_same_random_numbers_give_the_same_transformer(learned: Attention):
    again = learn_attention(circle(1500), PARAMS, np.random.default_rng(3))
    assert all(np.array_equal(values, again.weights[name]) for name, values in learned.weights.items())


def test_it_stops_when_the_latest_sessions_are_told_no_better():
    pytest.importorskip("jax", reason="the extra neural is not installed")
    still = PARAMS.model_copy(update={"learning_rate": 1e-12, "patience": 1, "epochs": 1000})
    learn_attention(circle(100), still, np.random.default_rng(3))  # a thousand epochs would take minutes


def test_every_event_is_learned_from_once_however_long_its_session():
    past = Sequences.of_lists(["abcde", "f", "gh", "abcabcabcabc"])
    batches = list(Lessons.of(past, longest=4).batches(8, np.random.default_rng(1)))
    assert {values.shape for batch in batches for values in batch} == {(2, 4)}
    events = [
        (LETTERS[before] + LETTERS[after], whose, row)
        for batch in batches
        for row in range(2)
        for before, after, whose in zip(*(values[row] for values in batch), strict=True)
        if whose >= 0
    ]
    pairs = ["ab", "bc", "cd", "de", "gh", *["ab", "bc", "ca"] * 3, "ab", "bc"]
    assert sorted(pair for pair, _, _ in events) == sorted(pairs)
    for (pair, whose, row), (later, whose_later, row_later) in itertools.pairwise(events):
        if whose == whose_later:
            assert (pair[1], row) == (later[0], row_later)


def test_drawn_items_stand_for_all():
    past = Sequences.of_lists(["ab" * 40, "cdefghijkl"])
    draws, rng = Draws(past, 6), np.random.default_rng(1)
    values = np.linspace(1, 3, len(past.items))
    sums = []
    for _ in range(3000):
        columns, log_expected = draws.draw(rng)
        sums.append((values[columns] / np.exp(log_expected)).sum())
    assert np.mean(sums) == pytest.approx(values.sum(), rel=0.02)
    whole, log_expected = Draws(past, 12).draw(rng)
    assert whole.tolist() == list(range(12))
    assert not log_expected.any()


def test_sessions_of_one_item_teach_nothing():
    pytest.importorskip("jax", reason="the extra neural is not installed")
    with pytest.raises(NotEnoughData, match="found 0 items with a next one to learn from and 0 in the latest 5%"):
        learn_attention(Sequences.of_lists(["a", "b"] * 50), PARAMS, np.random.default_rng(1))


def test_without_jax_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.delitem(sys.modules, f"{attention.__name__}_network", raising=False)
    with pytest.raises(ConfigError, match=r"found no jax, expected it .*make setup NEURAL=1"):
        learn_attention(circle(50), PARAMS, np.random.default_rng(1))


def test_it_is_served_without_jax(learned: Attention, tmp_path: Path):
    model = NextItems(LETTERS, learned)
    model.save(tmp_path)
    code = (
        "import sys; sys.modules['jax'] = None\n"
        "from pathlib import Path\n"
        "from recsys.serving.continuing.model import NextItems\n"
        f"print(NextItems.load(Path({str(tmp_path)!r})).continue_session(['a', 'c'], k=9))"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == str(model.continue_session(["a", "c"], k=9))
