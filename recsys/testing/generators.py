"""What every candidate generator must do; inherit it, say how to ``make`` one, and run it with pytest."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.candidates.generator import CANDIDATES, CandidateGenerator
from recsys.candidates.pool import no_pairs
from recsys.errors import NotFittedError
from recsys.testing import checkerboard as board

SEED = 7
EVERYBODY = [board.user(number) for number in range(board.SIDE)]
STRANGER = "stranger"


def fitted(
    make: Callable[[], CandidateGenerator], interactions: pl.DataFrame, *, unavailable: tuple[str, ...] = ()
) -> CandidateGenerator:
    """A generator fitted on ``interactions``, always with the same seed."""
    items = board.catalogue(interactions, unavailable=unavailable)
    return make().fit(interactions, items=items, rng=np.random.default_rng(SEED))


class CandidateGeneratorContract:
    """The promises of ``recsys.candidates.generator``."""

    make: Callable[[], CandidateGenerator]
    personal: bool = True
    "False: everybody gets the same list, strangers too."

    def answers(self, interactions: pl.DataFrame, *, k: int = 5, exclude: pl.DataFrame | None = None) -> pl.DataFrame:
        generator = fitted(self.make, interactions)
        seen = board.touched(interactions) if exclude is None else exclude
        return generator.generate(EVERYBODY, k=k, exclude=seen)

    def test_finds_the_withheld_item(self) -> None:
        if not self.personal:
            pytest.skip("the same list for everybody")
        first = self.answers(board.interactions()).filter(pl.col(c.RANK) == 1)
        found = dict(first.select(c.USER_ID, c.ITEM_ID).iter_rows())
        assert found == {board.user(u): board.item(board.withheld(u)) for u in range(board.SIDE)}

    def test_rows_are_candidates_under_its_own_name(self) -> None:
        answers = self.answers(board.interactions())
        assert answers.schema == CANDIDATES
        assert set(answers[c.SOURCE]) == {self.make().name}
        assert answers.null_count().sum_horizontal().item() == 0

    def test_ranks_count_from_one_and_scores_never_rise(self) -> None:
        answers = self.answers(board.interactions(), exclude=no_pairs())
        for (_,), rows in answers.group_by(c.USER_ID):
            assert rows[c.RANK].to_list() == list(range(1, rows.height + 1))
            assert (rows[c.SCORE].diff().drop_nulls() <= 0).all()
            assert rows[c.ITEM_ID].is_unique().all()

    def test_gives_at_most_k(self) -> None:
        for k in (1, 3, 10_000):
            counts = self.answers(board.interactions(), k=k, exclude=no_pairs()).group_by(c.USER_ID).len()
            assert (counts["len"] <= min(k, board.SIDE)).all()

    def test_never_gives_an_excluded_item(self) -> None:
        interactions = board.interactions()
        barred = pl.DataFrame({c.USER_ID: EVERYBODY, c.ITEM_ID: [board.item(n) for n in range(board.SIDE)]})
        answers = self.answers(interactions, k=board.SIDE, exclude=barred)
        assert answers.join(barred, on=[c.USER_ID, c.ITEM_ID], how="semi").is_empty()
        assert not answers.is_empty()

    def test_never_gives_an_unavailable_item(self) -> None:
        gone = (board.item(4), board.item(5))
        generator = fitted(self.make, board.interactions(), unavailable=gone)
        answers = generator.generate(EVERYBODY, k=board.SIDE, exclude=no_pairs())
        assert not set(gone) & set(answers[c.ITEM_ID])
        assert not answers.is_empty()

    def test_a_batch_gives_what_each_user_alone_gets(self) -> None:
        interactions = board.interactions()
        generator = fitted(self.make, interactions)
        seen = board.touched(interactions)
        batch = generator.generate(EVERYBODY, k=6, exclude=seen)
        alone = pl.concat([generator.generate([user], k=6, exclude=seen) for user in EVERYBODY])
        assert_frame_equal(batch, alone, check_exact=True)

    def test_a_user_asked_twice_is_answered_once(self) -> None:
        generator = fitted(self.make, board.interactions())
        once, twice = (
            generator.generate(asked, k=3, exclude=no_pairs()) for asked in ([EVERYBODY[0]], [EVERYBODY[0]] * 2)
        )
        assert_frame_equal(once, twice)

    def test_the_order_of_events_changes_nothing(self) -> None:
        interactions = board.interactions()
        shuffled = interactions.sample(fraction=1.0, shuffle=True, seed=SEED)
        assert_frame_equal(self.answers(interactions), self.answers(shuffled), check_exact=True)

    def test_the_same_seed_gives_the_same_answer(self) -> None:
        interactions = board.interactions()
        assert_frame_equal(self.answers(interactions), self.answers(interactions), check_exact=True)

    def test_a_stranger_is_not_an_error(self) -> None:
        answers = fitted(self.make, board.interactions()).generate([STRANGER], k=5, exclude=no_pairs())
        assert answers.height == (0 if self.personal else 5)
        assert answers.schema == CANDIDATES

    def test_nobody_is_not_an_error(self) -> None:
        answers = fitted(self.make, board.interactions()).generate([], k=5, exclude=no_pairs())
        assert answers.is_empty()
        assert answers.schema == CANDIDATES

    def test_refuses_before_fit(self) -> None:
        with pytest.raises(NotFittedError, match="fit"):
            self.make().generate(EVERYBODY, k=5, exclude=no_pairs())

    @pytest.mark.parametrize(
        "interactions",
        [
            pytest.param(board.interactions().head(0), id="no event"),
            pytest.param(board.interactions().head(1), id="one event"),
            pytest.param(board.events([("user-00", "item-00", board.START)] * 9), id="one event nine times"),
            pytest.param(board.events([("user-00", board.item(n), board.START) for n in range(9)]), id="one user"),
            pytest.param(board.events([(board.user(n), "item-00", board.START) for n in range(9)]), id="one item"),
            pytest.param(
                board.events([(board.user(u), board.item(i), board.START) for u in range(4) for i in range(4)]),
                id="everybody took everything",
            ),
        ],
    )
    def test_thin_data_are_not_an_error(self, interactions: pl.DataFrame) -> None:
        answers = self.answers(interactions, exclude=no_pairs())
        assert answers.schema == CANDIDATES
        assert answers[c.SCORE].is_finite().all()
        assert (
            self.answers(interactions)
            .join(board.touched(interactions), on=[c.USER_ID, c.ITEM_ID], how="semi")
            .is_empty()
        )

    def test_faint_events_still_count(self) -> None:
        """A weight of 0.1, and an event that is years old beside a new one, must not vanish in a rounding."""
        interactions = board.interactions().with_columns(pl.lit(0.1, dtype=pl.Float32).alias(c.WEIGHT))
        fresh = board.events([("user-new", "item-new", board.START + timedelta(days=200))])
        answers = self.answers(pl.concat([interactions, fresh]), k=3)
        assert set(answers[c.USER_ID]) >= set(EVERYBODY)
        if self.personal:
            first = answers.filter(pl.col(c.RANK) == 1).select(c.USER_ID, c.ITEM_ID)
            assert dict(first.iter_rows()) == {board.user(u): board.item(board.withheld(u)) for u in range(board.SIDE)}
