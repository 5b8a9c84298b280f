"""What every ranker must do; inherit it, say how to ``make`` one, and run it with pytest."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from recsys import columns as c
from recsys.errors import FeatureMismatch, NotEnoughData, NotFittedError
from recsys.features.feature_set import FeatureSet
from recsys.ranking.ranker import MANIFEST_FILE, MODEL_FILE, Ranker

SIGNAL = c.source_score("oracle")
"""The one feature that tells a success from the rest."""
NOISE = c.source_score("noise")
SHARE = c.source_share("oracle")
"""Where it is among the features, it is the prior."""
FEATURES = FeatureSet(names=(SIGNAL, NOISE, c.CATEGORY), categorical=(c.CATEGORY,))
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
SEED = 7


def labelled_rows(users: int = 40, per_user: int = 12) -> pl.DataFrame:
    """Rows of which one of each user is the success: its signal lies in [1, 2), that of the others in [0, 1)."""
    rng = np.random.default_rng(SEED)
    success = rng.permuted(np.tile(np.arange(per_user) == 0, (users, 1)), axis=1)
    signal = rng.random((users, per_user)) + success
    frame = {
        c.USER_ID: np.repeat([f"user-{n:02d}" for n in range(users)], per_user),
        c.ITEM_ID: np.tile([f"item-{n:02d}" for n in range(per_user)], users),
        SIGNAL: signal.ravel(),
        NOISE: rng.random(users * per_user),
        c.CATEGORY: np.tile(["hats", "shoes", ""], users * per_user)[: users * per_user],
        c.LABEL: success.ravel().astype(np.int32),
    }
    return pl.DataFrame(frame).with_columns(pl.lit(AS_OF).alias(c.AS_OF))


class RankerContract:
    """The promises of ``recsys.ranking.ranker``."""

    make: Callable[[FeatureSet], Ranker]

    def fitted(self, rows: pl.DataFrame | None = None) -> Ranker:
        rows = labelled_rows() if rows is None else rows
        return self.make(FEATURES).fit(rows, rng=np.random.default_rng(SEED))

    def test_learns_which_feature_matters(self) -> None:
        rows = labelled_rows()
        ranker = self.fitted()
        assert ranker.importances()[c.FEATURE][0] == SIGNAL
        best = (
            rows.with_columns(pl.Series(c.SCORE, ranker.score(rows)))
            .group_by(c.USER_ID)
            .agg(pl.col(c.LABEL).sort_by(c.SCORE).last())
        )
        assert best[c.LABEL].sum() >= 0.9 * best.height

    def test_a_prior_that_nothing_corrects_decides(self) -> None:
        """Two rows that the trees cannot tell apart are ordered by the generators' shares."""
        shared = FeatureSet(names=(*FEATURES.names, SHARE), categorical=FEATURES.categorical)
        rows = labelled_rows().with_columns(pl.lit(0.5).alias(SHARE))
        ranker = self.make(shared).fit(rows, rng=np.random.default_rng(SEED))
        pair = rows.head(1).select(pl.all().repeat_by(2).explode()).with_columns(pl.Series(SHARE, [0.1, 0.9]))
        low, high = ranker.score(pair)
        assert high - low == pytest.approx(0.8 * ranker.policy.prior_weight)

    def test_one_float_per_row_in_their_order(self) -> None:
        rows = labelled_rows()
        scores = self.fitted().score(rows)
        assert scores.shape == (rows.height,)
        assert scores.dtype == np.float64
        backwards: NDArray[np.float64] = self.fitted().score(rows.reverse())
        np.testing.assert_array_equal(scores, backwards[::-1])

    def test_the_same_rows_in_any_order_give_the_same_model(self) -> None:
        rows = labelled_rows()
        shuffled = rows.sample(fraction=1.0, shuffle=True, seed=SEED)
        np.testing.assert_array_equal(self.fitted(rows).score(rows), self.fitted(shuffled).score(rows))

    def test_no_rows_have_no_scores(self) -> None:
        assert self.fitted().score(labelled_rows().clear()).shape == (0,)

    def test_what_is_not_known_is_not_an_error(self) -> None:
        unknown = labelled_rows().with_columns(pl.lit(None, dtype=pl.Float64).alias(SIGNAL))
        assert np.isfinite(self.fitted().score(unknown)).all()

    def test_refuses_before_fit(self, tmp_path: Path) -> None:
        ranker = self.make(FEATURES)
        with pytest.raises(NotFittedError, match="fit"):
            ranker.score(labelled_rows())
        with pytest.raises(NotFittedError, match="fit"):
            ranker.save(tmp_path)

    def test_refuses_rows_without_a_feature(self) -> None:
        with pytest.raises(FeatureMismatch, match=NOISE):
            self.fitted().score(labelled_rows().drop(NOISE))

    def test_refuses_one_user(self) -> None:
        with pytest.raises(NotEnoughData, match="users"):
            self.fitted(labelled_rows(users=1))

    def test_refuses_rows_that_do_not_differ(self) -> None:
        same = labelled_rows().with_columns(
            pl.lit(1.0).alias(SIGNAL), pl.lit(1.0).alias(NOISE), pl.lit("").alias(c.CATEGORY)
        )
        with pytest.raises(NotEnoughData, match="nothing"):
            self.fitted(same)

    def test_saved_and_loaded_it_scores_the_same(self, tmp_path: Path) -> None:
        rows, ranker = labelled_rows(), self.fitted()
        ranker.save(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([MODEL_FILE, MANIFEST_FILE])
        loaded = type(ranker).load(tmp_path, expected=FEATURES)
        np.testing.assert_array_equal(loaded.score(rows), ranker.score(rows))
        assert (loaded.features, loaded.policy, loaded.best_iteration) == (
            FEATURES,
            ranker.policy,
            ranker.best_iteration,
        )

    def test_the_same_training_writes_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("first", "second"):
            self.fitted().save(tmp_path / name)
        for file in (MODEL_FILE, MANIFEST_FILE):
            assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()

    def test_refuses_to_load_for_other_features(self, tmp_path: Path) -> None:
        ranker = self.fitted()
        ranker.save(tmp_path)
        others = FeatureSet(names=(NOISE, SIGNAL, c.CATEGORY), categorical=(c.CATEGORY,))
        with pytest.raises(FeatureMismatch, match="Train the ranker again"):
            type(ranker).load(tmp_path, expected=others)

    def test_refuses_a_changed_manifest(self, tmp_path: Path) -> None:
        ranker = self.fitted()
        ranker.save(tmp_path)
        path = tmp_path / MANIFEST_FILE
        path.write_text(path.read_text().replace(NOISE, SIGNAL))
        with pytest.raises(FeatureMismatch, match="the file was changed"):
            type(ranker).load(tmp_path)
