"""A user's arm is sticky, by the declared shares, and the same in SQL."""

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from recsys.serving.assignment import Assigner, bucket
from recsys.serving.postgres import transaction
from recsys.sites.experiment import Arm, Experiment

ARMS = (Arm(name="control", share=0.5), Arm(name="fresh", share=0.5))
DOCS = Path(__file__).parents[3] / "docs" / "experiments.md"
USERS = [f"user-{number}" for number in range(20_000)]


def experiment(**changed) -> Experiment:
    return Experiment(**{"id": "fresh-ranker", "site": "shop", "arms": ARMS} | changed)


def arms(assigner: Assigner, users=USERS) -> dict[str, str | None]:
    return {user: assigner.arm(user) for user in users}


def test_python_and_postgres_agree_for_every_user(postgres):
    """The query is the one in the docs."""
    define, choose = re.search(r"```sql\n(CREATE FUNCTION.*?;\n)(SELECT.*?)```", DOCS.read_text(), re.DOTALL).groups()
    odd = ["é", "e\u0301", "日本語", "🦉", " ", ":", "a:b", "'; --", "\\x41", "x" * 256, "Ωmega\u200d", "\u0130İ"]
    users = odd + [f"{stem}{number}" for number in range(1000) for stem in ("user-", "Jürgen ", "пользователь", "🦉")]
    with transaction(postgres.postgres_dsn("postgres")) as cursor:
        cursor.execute("CREATE TEMP TABLE visitor AS SELECT unnest(%s) AS user_id", (users,))
        cursor.execute(define)
        cursor.execute(choose)
        in_sql = dict(cursor.fetchall())
    assigner = Assigner(experiment(layer="home", slots=(0, 5000), holdout=0.05, ramp=(0.01, 0.05)), 0.05)
    assert {user: arm for user, arm in arms(assigner, users).items() if arm} == in_sql
    assert set(in_sql.values()) == {"control", "fresh"}


def test_shares_and_ramp_are_as_declared():
    shares = (0.6, 0.3, 0.1)
    three = tuple(Arm(name=f"arm{number}", share=share) for number, share in enumerate(shares))
    counts = Counter(arms(Assigner(experiment(arms=three, ramp=(0.2,)), 0.2)).values())
    assert counts["arm1"] + counts["arm2"] == pytest.approx(0.2 * len(USERS), rel=0.05)
    enrolled = len(USERS) - counts[None]
    assert [counts[arm.name] / enrolled for arm in three] == pytest.approx(shares, abs=0.02)


def test_a_growing_ramp_adds_users_and_moves_nobody():
    before: dict[str, str | None] = dict.fromkeys(USERS)
    for step in experiment().ramp:
        now = arms(Assigner(experiment(), step))
        assert {user for user in USERS if before[user] not in (None, now[user])} == set()
        assert sum(arm == "fresh" for arm in now.values()) == pytest.approx(step * len(USERS), rel=0.2)
        before = now
    assert None not in before.values()


def test_another_process_gives_the_same(tmp_path):
    code = (
        "from recsys.serving.assignment import Assigner; from recsys.sites.experiment import Arm, Experiment\n"
        "arms = (Arm(name='control', share=0.5), Arm(name='fresh', share=0.5))\n"
        "a = Assigner(Experiment(id='fresh-ranker', site='shop', arms=arms), 0.25)\n"
        "print(*(a.arm(f'user-{n}') for n in range(500)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    mine = arms(Assigner(experiment(), 0.25), USERS[:500])
    assert told.stdout.split() == [str(arm) for arm in mine.values()]


def test_layers_are_independent_and_slots_of_one_exclude_each_other():
    low = arms(Assigner(experiment(id="low", slots=(0, 5000), ramp=(0.25,)), 0.25))
    high = arms(Assigner(experiment(id="high", slots=(5000, 10_000), ramp=(0.25,)), 0.25))
    other = arms(Assigner(experiment(id="other", layer="home", ramp=(0.5,)), 0.5))
    assert all((low[user] is None) != (high[user] is None) for user in USERS)
    both = Counter((low[user], other[user]) for user in USERS if low[user])
    assert min(both.values()) == pytest.approx(max(both.values()), rel=0.1)


def test_the_holdout_is_the_same_for_all_experiments():
    out = [
        {user for user, arm in arms(Assigner(experiment(id=name, holdout=0.1, ramp=(0.45,)), 0.45)).items() if not arm}
        for name in ("one", "two")
    ]
    assert out[0] == out[1]
    assert len(out[0]) == pytest.approx(0.1 * len(USERS), rel=0.1)


@pytest.mark.parametrize("nobody", [None, ""])
def test_a_visitor_takes_part_in_nothing(nobody):
    assert Assigner(experiment(), 0.5).arm(nobody) is None


def test_parts_of_a_hash_are_uniform_and_independent():
    counts = Counter((bucket("s", user) // 2500, bucket("s", user, 1) // 2500) for user in USERS)
    assert len(counts) == 16
    assert max(abs(count - len(USERS) / 16) for count in counts.values()) < 5 * (len(USERS) / 16) ** 0.5


def test_an_assignment_takes_as_long_as_a_few_hashes():
    """At full use (slots and holdout) as long as three, on whatever machine; ten are allowed."""
    assigner = Assigner(experiment(slots=(0, 5000), holdout=0.05, ramp=(0.2,)), 0.2)
    turns = [(_seconds(assigner.arm), _seconds(lambda user: bucket("s", user))) for _ in range(20)]
    assignment, one_hash = map(min, zip(*turns, strict=True))
    assert assignment < 10 * one_hash


def _seconds(ask: Callable[[str], object]) -> float:
    began = time.perf_counter()
    for user in USERS[:1000]:
        ask(user)
    return time.perf_counter() - began
