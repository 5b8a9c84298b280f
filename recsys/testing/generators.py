"""What every candidate generator must do; inherit it, say how to ``make`` one, and run it with pytest."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.candidates.generator import CANDIDATES, SESSION_CANDIDATES, SESSIONS, SIMILAR, CandidateGenerator
from recsys.candidates.pool import no_pairs, no_session_pairs
from recsys.candidates.saving import load, save
from recsys.errors import DataError, NotFittedError
from recsys.events.schema import TIME
from recsys.testing import checkerboard as board

SEED = 7
NUMBERS = range(board.SIDE)
EVERYBODY = [board.user(number) for number in NUMBERS]
ITEMS = [board.item(number) for number in NUMBERS]
STRANGER = "stranger"
WITHHELD = {board.user(u): board.item(board.withheld(u)) for u in NUMBERS}
THIN = [
    pytest.param(board.interactions().head(0), id="no event"),
    pytest.param(board.interactions().head(1), id="one event"),
    pytest.param(board.events([("user-00", "item-00", board.START)] * 9), id="one event nine times"),
    pytest.param(board.events([("user-00", board.item(n), board.START) for n in range(9)]), id="one user"),
    pytest.param(board.events([(board.user(n), "item-00", board.START) for n in range(9)]), id="one item"),
    pytest.param(
        board.events([(board.user(u), board.item(i), board.START) for u in range(4) for i in range(4)]),
        id="everybody took everything",
    ),
    pytest.param(board.interactions().with_columns(pl.lit(0, pl.Float32).alias(c.WEIGHT)), id="nothing counts"),
]


def fitted(
    make: Callable[[], CandidateGenerator], interactions: pl.DataFrame, *, unavailable: tuple[str, ...] = ()
) -> CandidateGenerator:
    """A generator fitted on ``interactions``, always with the same seed."""
    items = board.catalogue(interactions, unavailable=unavailable)
    return make().fit(interactions, items=items, rng=np.random.default_rng(SEED))


def first_of(answers: pl.DataFrame, asked: str) -> dict[str, str]:
    """The best item of each."""
    return dict(answers.filter(pl.col(c.RANK) == 1).select(asked, c.ITEM_ID).iter_rows())


class CandidateGeneratorContract:
    """The promises of ``recsys.candidates.generator``, to users; sessions and items follow below."""

    make: Callable[[], CandidateGenerator]
    personal: bool = True
    "False: everybody gets the same list, strangers too."
    discovers: bool = True
    "False: it says nothing but what the user or session did already."
    log: Callable[[], pl.DataFrame] = staticmethod(board.interactions)
    "Events from which it can tell what is right."

    def skip_unless(self, *needed: bool) -> None:
        if not all(needed):
            pytest.skip("not of this kind")

    def answers(self, interactions: pl.DataFrame, *, k: int = 5, exclude: pl.DataFrame | None = None) -> pl.DataFrame:
        generator = fitted(self.make, interactions)
        seen = (board.touched(interactions) if self.discovers else no_pairs()) if exclude is None else exclude
        return generator.generate(EVERYBODY, k=k, exclude=seen)

    def test_finds_the_withheld_item(self) -> None:
        self.skip_unless(self.personal, self.discovers)
        assert first_of(self.answers(self.log()), c.USER_ID) == WITHHELD

    def test_rows_are_candidates_under_its_own_name(self) -> None:
        answers = self.answers(self.log())
        assert answers.schema == CANDIDATES
        assert set(answers[c.SOURCE]) == {self.make().name}
        assert answers.null_count().sum_horizontal().item() == 0

    def test_ranks_count_from_one_and_scores_never_rise(self) -> None:
        answers = self.answers(self.log(), exclude=no_pairs())
        for _, rows in answers.group_by(c.USER_ID):
            assert rows[c.RANK].to_list() == list(range(1, rows.height + 1))
            assert (rows[c.SCORE].diff().drop_nulls() <= 0).all()
            assert rows[c.ITEM_ID].is_unique().all()

    def test_ties_go_by_item_id(self) -> None:
        answers = self.answers(self.log(), k=board.SIDE, exclude=no_pairs())
        assert_frame_equal(answers, answers.sort(c.USER_ID, -pl.col(c.SCORE), c.ITEM_ID))

    def test_gives_at_most_k(self) -> None:
        for k in (1, 3, 10_000):
            counts = self.answers(self.log(), k=k, exclude=no_pairs()).group_by(c.USER_ID).len()
            assert (counts["len"] <= min(k, board.SIDE)).all()

    def test_never_gives_an_excluded_item(self) -> None:
        barred = pl.DataFrame({c.USER_ID: EVERYBODY, c.ITEM_ID: ITEMS[2:] + ITEMS[:2]})
        answers = self.answers(self.log(), k=board.SIDE, exclude=barred)
        assert answers.join(barred, on=[c.USER_ID, c.ITEM_ID], how="semi").is_empty()
        assert not answers.is_empty()

    def test_never_gives_an_unavailable_item(self) -> None:
        gone = (board.item(4), board.item(5))
        generator = fitted(self.make, self.log(), unavailable=gone)
        answers = generator.generate(EVERYBODY, k=board.SIDE, exclude=no_pairs())
        assert not set(gone) & set(answers[c.ITEM_ID])
        assert not answers.is_empty()

    def test_a_batch_gives_what_each_user_alone_gets(self) -> None:
        generator, none = fitted(self.make, self.log()), no_pairs()
        batch = generator.generate(EVERYBODY, k=6, exclude=none)
        alone = pl.concat([generator.generate([user], k=6, exclude=none) for user in EVERYBODY])
        assert_frame_equal(batch, alone, check_exact=True)

    def test_a_user_asked_twice_is_answered_once(self) -> None:
        generator = fitted(self.make, self.log())
        once, twice = (
            generator.generate(asked, k=3, exclude=no_pairs()) for asked in ([EVERYBODY[0]], [EVERYBODY[0]] * 2)
        )
        assert_frame_equal(once, twice)

    def test_the_order_of_events_changes_nothing(self) -> None:
        interactions = self.log()
        shuffled = interactions.sample(fraction=1.0, shuffle=True, seed=SEED)
        assert_frame_equal(self.answers(interactions), self.answers(shuffled), check_exact=True)

    def test_the_same_seed_gives_the_same_answer(self) -> None:
        assert_frame_equal(self.answers(self.log()), self.answers(self.log()), check_exact=True)

    def test_a_stranger_is_not_an_error(self) -> None:
        answers = fitted(self.make, self.log()).generate([STRANGER], k=5, exclude=no_pairs())
        assert answers.height == (0 if self.personal else 5)
        assert answers.schema == CANDIDATES

    def test_nobody_is_not_an_error(self) -> None:
        answers = fitted(self.make, self.log()).generate([], k=5, exclude=no_pairs())
        assert answers.is_empty()
        assert answers.schema == CANDIDATES

    def test_refuses_before_fit(self) -> None:
        with pytest.raises(NotFittedError, match="fit"):
            self.make().generate(EVERYBODY, k=5, exclude=no_pairs())
        with pytest.raises(NotFittedError, match="fit"):
            self.make().continue_sessions(board.sessions([0]), k=5, exclude=no_session_pairs())
        with pytest.raises(NotFittedError, match="fit"):
            self.make().similar_to(ITEMS, k=5)

    @pytest.mark.parametrize("interactions", THIN)
    def test_thin_data_are_not_an_error(self, interactions: pl.DataFrame) -> None:
        generator, seen = fitted(self.make, interactions), board.touched(interactions)
        for exclude in (no_pairs(), seen):
            answers = generator.generate(EVERYBODY, k=5, exclude=exclude)
            assert answers.schema == CANDIDATES
            assert answers[c.SCORE].is_finite().all()
            assert answers.join(exclude, on=[c.USER_ID, c.ITEM_ID], how="semi").is_empty()
        assert (
            generator.continue_sessions(board.sessions([0]), k=5, exclude=no_session_pairs())[c.SCORE].is_finite().all()
        )
        assert generator.similar_to(ITEMS, k=5)[c.SCORE].is_finite().all()

    @pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1.0])
    def test_refuses_a_weight_that_is_none(self, weight: float) -> None:
        first = pl.int_range(pl.len()) == 0
        broken = self.log().with_columns(pl.when(first).then(weight).otherwise(1.0).cast(pl.Float32).alias(c.WEIGHT))
        with pytest.raises(DataError, match="weight"):
            fitted(self.make, broken)

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_value_that_is_no_number_is_refused_where_values_teach_and_does_not_matter_elsewhere(
        self, value: float
    ) -> None:
        whole = self.log()
        broken = whole.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(value).otherwise(c.VALUE).alias(c.VALUE))
        if whole[c.VALUE].is_not_null().any():
            with pytest.raises(DataError, match="rating"):
                self.answers(broken)
        else:
            assert_frame_equal(self.answers(broken), self.answers(whole), check_exact=True)

    def test_events_of_one_moment_are_learned_from(self) -> None:
        answers = self.answers(self.log().with_columns(pl.lit(board.START).cast(TIME).alias(c.TIMESTAMP)))
        assert answers[c.SCORE].is_finite().all()
        assert set(answers[c.USER_ID]) == set(EVERYBODY)

    def test_faint_events_still_count(self) -> None:
        """A weight of 0.1, and an event that is years old beside a new one, must not vanish in a rounding."""
        interactions = self.log().with_columns(pl.lit(0.1, dtype=pl.Float32).alias(c.WEIGHT))
        fresh = board.events([("user-new", "item-new", board.START + timedelta(days=200))])
        answers = self.answers(pl.concat([interactions, fresh]), k=3)
        assert set(answers[c.USER_ID]) >= set(EVERYBODY)
        if self.personal and self.discovers:
            assert WITHHELD.items() <= first_of(answers, c.USER_ID).items()

    # --- sessions -----------------------------------------------------------------------------------------------------

    def continued(self, sessions: pl.DataFrame, *, k: int = 5, exclude: pl.DataFrame | None = None) -> pl.DataFrame:
        barred = no_session_pairs() if exclude is None else exclude
        return fitted(self.make, self.log()).continue_sessions(sessions, k=k, exclude=barred)

    def test_says_what_it_answers(self) -> None:
        generator = fitted(self.make, self.log())
        found = {
            "user": generator.generate(EVERYBODY, k=5, exclude=no_pairs()),
            "session": generator.continue_sessions(board.sessions(NUMBERS), k=5, exclude=no_session_pairs()),
            "item": generator.similar_to(ITEMS, k=5),
        }
        assert {asked for asked, rows in found.items() if not rows.is_empty()} == generator.answers
        schemas = {"user": CANDIDATES, "session": SESSION_CANDIDATES, "item": SIMILAR}
        assert {asked: rows.schema for asked, rows in found.items()} == schemas

    def test_continues_a_session_with_the_item_it_lacks(self) -> None:
        self.skip_unless("session" in self.make().answers, self.personal, self.discovers)
        sessions = board.sessions(NUMBERS)
        answers = self.continued(sessions, exclude=sessions.select(c.SESSION_ID, c.ITEM_ID))
        assert first_of(answers, c.SESSION_ID) == WITHHELD

    def test_sessions_keep_the_same_promises(self) -> None:
        sessions = board.sessions(NUMBERS)
        barred = pl.DataFrame({c.SESSION_ID: EVERYBODY, c.ITEM_ID: ITEMS[2:] + ITEMS[:2]})
        answers = self.continued(sessions, k=board.SIDE, exclude=barred)
        assert answers.join(barred, on=[c.SESSION_ID, c.ITEM_ID], how="semi").is_empty()
        assert_frame_equal(answers, answers.sort(c.SESSION_ID, -pl.col(c.SCORE), c.ITEM_ID))
        nth = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(c.SESSION_ID)
        assert_frame_equal(answers, answers.with_columns(nth.alias(c.RANK)))
        assert answers.select(c.SESSION_ID, c.ITEM_ID).is_unique().all()
        assert self.continued(sessions, k=2).group_by(c.SESSION_ID).len()["len"].max() in (None, 2)

    def test_sessions_in_any_order_and_alone_are_answered_alike(self) -> None:
        sessions = board.sessions(NUMBERS)
        batch = self.continued(sessions)
        assert_frame_equal(batch, self.continued(sessions.sample(fraction=1.0, shuffle=True, seed=SEED)))
        assert_frame_equal(batch, pl.concat([self.continued(board.sessions([number])) for number in NUMBERS]))

    def test_an_unknown_item_of_a_session_is_skipped(self) -> None:
        known = board.sessions([3])
        unheard = pl.DataFrame([(board.user(3), "unheard", 0)], schema=SESSIONS, orient="row")
        assert_frame_equal(self.continued(pl.concat([unheard, known])), self.continued(known))
        answers = self.continued(unheard)
        assert answers.height == (0 if self.personal or "session" not in self.make().answers else 5)

    # --- items --------------------------------------------------------------------------------------------------------

    def similar(self, asked: Sequence[str], *, k: int = 4, unavailable: tuple[str, ...] = ()) -> pl.DataFrame:
        return fitted(self.make, self.log(), unavailable=unavailable).similar_to(asked, k=k)

    def test_similar_items_are_of_one_color_available_and_never_the_item_itself(self) -> None:
        self.skip_unless("item" in self.make().answers)
        rows = self.similar(ITEMS, unavailable=(board.item(2),))
        assert set(rows[c.ITEM_ID]) == set(ITEMS)
        assert board.item(2) not in set(rows[c.SIMILAR_ITEM_ID])
        assert rows.filter(pl.col(c.ITEM_ID) == pl.col(c.SIMILAR_ITEM_ID)).is_empty()
        numbers = [rows[name].str.tail(2).cast(pl.Int32) for name in (c.ITEM_ID, c.SIMILAR_ITEM_ID)]
        assert ((numbers[0] - numbers[1]) % 2 == 0).all()
        for _, near in rows.group_by(c.ITEM_ID):
            assert near[c.RANK].to_list() == [1, 2, 3, 4]
            assert (near[c.SCORE].diff().drop_nulls() <= 0).all()

    def test_items_are_answered_alike_alone_twice_and_beside_unknown_ones(self) -> None:
        batch = self.similar(ITEMS)
        assert_frame_equal(batch, self.similar(["unheard", *ITEMS, ITEMS[0]]))
        assert_frame_equal(batch, pl.concat([self.similar([item]) for item in ITEMS]))
        assert self.similar([]).schema == SIMILAR

    # --- files --------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("thin", [False, True])
    def test_a_loaded_one_answers_as_the_one_that_was_saved(self, tmp_path: Path, thin: bool) -> None:
        interactions = self.log().head(1) if thin else self.log()
        generator = fitted(self.make, interactions, unavailable=(board.item(3),))
        save(generator, tmp_path)
        loaded = load(tmp_path)
        for answers in zip(_all_answers(loaded), _all_answers(generator), strict=True):
            assert_frame_equal(*answers, check_exact=True)

    def test_the_same_state_gives_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("one", "other"):
            save(fitted(self.make, self.log()), tmp_path / name)
        files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "other")]
        assert files[0] == files[1]

    def test_is_not_saved_before_fit(self, tmp_path: Path) -> None:
        with pytest.raises(NotFittedError, match="fit"):
            save(self.make(), tmp_path)


def _all_answers(generator: CandidateGenerator) -> list[pl.DataFrame]:
    """To users, a stranger among them, to sessions and to items."""
    return [
        generator.generate([*EVERYBODY, STRANGER], k=5, exclude=no_pairs()),
        generator.continue_sessions(board.sessions(NUMBERS), k=5, exclude=no_session_pairs()),
        generator.similar_to(ITEMS, k=5),
    ]
