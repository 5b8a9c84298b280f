from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.candidates.generator import CANDIDATES
from recsys.candidates.repeats import RepeatPolicy, Repeats, returns
from recsys.testing.checkerboard import AS_OF, events

DAY = timedelta(days=1)
PAIRS = pl.DataFrame({c.USER_ID: ["u", "u", "u", "x"], c.ITEM_ID: ["fresh", "old", "new", "fresh"]})
LOG = events([("u", "fresh", AS_OF), ("u", "old", AS_OF - 60 * DAY)])


def factors(log: pl.DataFrame = LOG, pairs: pl.DataFrame = PAIRS, **policy) -> list[float]:
    return Repeats.of(log, RepeatPolicy(**policy), as_of=AS_OF).factors(pairs).to_list()


def test_block_decay_and_favour():
    assert factors(mode="block") == [0, 0, 1, 1]
    assert factors(mode="decay", half_life_days=30) == pytest.approx([0, 0.75, 1, 1])
    assert factors(mode="favour", half_life_days=30, strength=2) == pytest.approx([3, 1.5, 1, 1])


def weekly(kind: str) -> pl.DataFrame:
    """Twenty users who buy their coffee every seven days, and something new every day."""
    coffee = [
        (f"u{n}", "coffee", AS_OF - 7 * week * DAY - timedelta(hours=12)) for n in range(20) for week in range(1, 9)
    ]
    other = [(f"u{n}", f"thing-{day}", AS_OF - day * DAY) for n in range(20) for day in range(1, 57)]
    return events(coffee + other).with_columns(pl.lit(kind).alias(c.EVENT_TYPE))


def test_buying_again_has_its_time():
    bought = returns(weekly("purchase"), as_of=AS_OF)
    rates = dict(bought.select(c.AGE_DAYS, c.RATE).iter_rows())
    assert bought[c.HITS].sum() == 20 * 7
    assert rates[7.0] > 10 * rates[4.0]
    assert rates[7.0] > 10 * rates[10.0]


def test_the_learned_policy_favours_what_is_due_and_holds_back_what_is_not():
    log = weekly("purchase")
    late = log.filter(pl.col(c.TIMESTAMP) < AS_OF - 7 * DAY)
    asked = pl.DataFrame({c.USER_ID: ["u0", "u0", "u0"], c.ITEM_ID: ["coffee", "thing-20", "unheard"]})
    due, done, new = Repeats.of(late, RepeatPolicy(mode="learned"), as_of=AS_OF).factors(asked)
    assert due > 5 * max(done, 1e-9)
    assert new == 1
    assert factors(log, pairs=asked, mode="learned")[0] > 0


def test_the_order_of_events_changes_nothing():
    log = weekly("view")
    shuffled = log.sample(fraction=1.0, shuffle=True, seed=3)
    assert returns(log, as_of=AS_OF).equals(returns(shuffled, as_of=AS_OF))


def test_candidates_are_ranked_anew_and_blocked_ones_are_gone():
    rows = [("u", "fresh", "als", 0.9, 1), ("u", "new", "als", 0.5, 2), ("u", "old", "als", -0.1, 3)]
    pool = pl.DataFrame(rows, schema=CANDIDATES, orient="row")
    blocked = Repeats.of(LOG, RepeatPolicy(mode="block"), as_of=AS_OF).apply(pool)
    assert blocked.rows() == [("u", "new", "als", 0.5, 1)]
    decayed = Repeats.of(LOG, RepeatPolicy(mode="decay"), as_of=AS_OF).apply(pool)
    assert decayed[c.ITEM_ID].to_list() == ["new", "old"]
    assert decayed[c.RANK].to_list() == [1, 2]
    assert decayed[c.SCORE][1] < -0.1
    assert decayed.schema == CANDIDATES


def test_a_rankers_scores_move_by_the_logarithm():
    repeats = Repeats.of(LOG, RepeatPolicy(mode="decay"), as_of=AS_OF)
    fresh, old, new, stranger = repeats.weigh(PAIRS, np.array([2.0, 2.0, 2.0, -3.0]))
    assert (new, stranger) == (2.0, -3.0)
    assert old == pytest.approx(2 + np.log(0.75))
    assert np.isfinite(fresh)
    assert fresh < -10


@pytest.mark.parametrize("log", [LOG.clear(), LOG[:1]], ids=["no event", "one event"])
@pytest.mark.parametrize("mode", ["block", "decay", "favour", "learned"])
def test_thin_logs_say_something_finite(log, mode):
    assert all(0 <= factor < 10 for factor in factors(log, mode=mode))
