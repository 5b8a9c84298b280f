"""Puts a number on each candidate; higher is shown earlier. CatBoost with a ranking loss.

Sources: Burges, "From RankNet to LambdaRank to LambdaMART: an overview", MSR-TR-2010-82, 2010; Gulin, Kuralenok and
Pavlov, "Winning the transfer learning track of Yahoo!'s Learning To Rank Challenge with YetiRank", PMLR 14, 2011.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import polars as pl
from catboost import CatBoost, CatBoostError, Pool, sum_models
from numpy.typing import NDArray

from recsys import columns as c
from recsys.errors import FeatureMismatch, NotEnoughData, NotFittedError
from recsys.features.feature_set import FeatureSet
from recsys.ranking.folds import folds_by_user
from recsys.ranking.losses import AUTO, best_loss, tried_losses
from recsys.ranking.strangers import best_list, fused
from recsys.serving.predicting.calibration import Calibration
from recsys.sites.ranker_policy import RankerPolicy

MODEL_FILE: Final = "catboost_model.cbm"
MANIFEST_FILE: Final = "ranker.json"
METRIC: Final = "NDCG:top=10;type=Base"
CURVE: Final = "validation_ndcg@10"
WHEN_AND_WHICH_RUN: Final = ("model_guid", "train_finish_time")
"""What CatBoost adds to a model file that differs from run to run; emptied, so that equal models are equal bytes."""
PATIENCE: Final = 20
"""Trees without a better validation nDCG@10 before training stops."""
THREADS: Final = 2
"""Fixed, so that the same rows give the same model on any machine."""


class Ranker:
    """A CatBoost ranking model with the feature set that it was trained on.

    The trees start from a prior: each source's share (its score over its best for the user) added up, times the
    policy's ``prior_weight``. Where there is little to learn from, the slate is the generators' common opinion.

    The model is the mean of one per fold of the users. Each stops growing when the users of its fold, which it does not
    learn from, are served no better; so chance in who they are, and in where it stops, evens out.
    """

    def __init__(self, feature_set: FeatureSet, policy: RankerPolicy | None = None) -> None:
        self.features = feature_set
        self.policy = policy or RankerPolicy()
        self.best_iteration = 0
        "Trees of all folds together."
        self.validation_ndcg = float("nan")
        "nDCG@10 of the users held back, mean over the folds; negatives are those that were drawn."
        self.strangers_list: str | None = None
        "The column whose order is fused with the model's for users without history; None: the model decides alone."
        self.loss: str = self.policy.loss
        "What the model was trained with; ``auto`` only before ``fit``."
        self.tried_losses: Mapping[str, float] = {}
        "Validation nDCG@10 by loss, where the policy leaves the choice open."
        self.calibration: Calibration | None = None
        self._curves: list[list[float]] = []
        self._model: CatBoost | None = None

    def fit(
        self, rows: pl.DataFrame, *, rng: np.random.Generator, valid: pl.DataFrame | None = None, threads: int = THREADS
    ) -> Self:
        """Learns to order the rows of each user and ``as_of``.

        Args:
            rows: the features, ``label``, user_id and ``as_of`` (``training_rows``).
            rng: deals the users into folds where ``valid`` is None; the model's own seed is the policy's.
            valid: rows of the same form, held back from a single model; None: the policy's folds.
            threads: cores used.

        Raises:
            NotEnoughData: fewer than two users, or rows that do not differ: nothing to learn from.
        """
        folds = [(rows, valid)] if valid is not None else folds_by_user(rows, self.policy.folds, rng)
        policy = self._with_a_loss(*folds[0], rng, threads)
        models = [self._grown(policy, learned, held, threads) for learned, held in folds]
        self._curves = [_curve(model) for model in models]
        self.validation_ndcg = float(np.mean([max(curve) for curve in self._curves]))
        judged = pl.concat([held for _, held in folds])
        scores = np.concatenate([self._scores(model, held) for model, (_, held) in zip(models, folds, strict=True)])
        self.strangers_list = best_list(judged, scores)
        if self.policy.calibrate is not None:
            self.calibration = Calibration.of(self.policy.calibrate, scores, *_outcomes(judged))
        self._model = models[0] if len(models) == 1 else sum_models(models, weights=[1 / len(models)] * len(models))
        metadata = self._model.get_metadata()
        for key in [key for key in metadata.keys() if key.endswith(WHEN_AND_WHICH_RUN)]:  # noqa: SIM118 no iterator
            metadata[key] = ""
        self.best_iteration = int(self._model.tree_count_)
        return self

    def score(self, rows: pl.DataFrame) -> NDArray[np.float64]:
        """One score per row, float64, shape (len(rows),); comparable within a user only."""
        if rows.is_empty():
            return np.empty(0)
        scores = self._scores(self.model, rows)
        return scores if self.strangers_list is None else fused(rows, scores, self.strangers_list)

    def probabilities(self, rows: pl.DataFrame) -> NDArray[np.float64]:
        """How likely each row is a success, for a user who has one among the candidates; float64, shape (len(rows),).

        Of the model's own scores; a list that strangers' order is fused with has no say.

        Raises:
            NotFittedError: the ranker was not calibrated.
        """
        if self.calibration is None:
            raise NotFittedError("the ranker's scores were not calibrated; set ranker.calibrate and train it again")
        return self.calibration.probability(self._scores(self.model, rows)) if rows.height else np.empty(0)

    def importances(self) -> pl.DataFrame:
        """How much each feature moves the score (PredictionValuesChange), in percent; columns feature and importance.

        Heaviest first; they add up to 100.
        """
        values = self.model.get_feature_importance(type="PredictionValuesChange")
        return pl.DataFrame({c.FEATURE: self.features.names, c.IMPORTANCE: np.asarray(values, dtype=np.float64)}).sort(
            c.IMPORTANCE, c.FEATURE, descending=[True, False]
        )

    def contributions(self, rows: pl.DataFrame) -> NDArray[np.float64]:
        """SHAP values: how much each feature moves each row's score, shape (len(rows), features); without the prior."""
        pool = Pool(self._table(rows), cat_features=list(self.features.categorical))
        values: NDArray[np.float64] = self.model.get_feature_importance(pool, type="ShapValues", thread_count=THREADS)
        return values[:, :-1]

    @property
    def model(self) -> CatBoost:
        """The fitted CatBoost model itself.

        Raises:
            NotFittedError: before ``fit`` or ``load``.
        """
        if self._model is None:
            raise NotFittedError("the ranker was asked before fit; call fit(rows, rng=…) or Ranker.load(folder) first")
        return self._model

    def curve(self) -> pl.DataFrame:
        """Column validation_ndcg@10 after each tree: mean over the folds, as far as all of them grew.

        No rows for a loaded ranker.
        """
        together = [float(np.mean(step)) for step in zip(*self._curves, strict=False)]
        return pl.DataFrame({CURVE: together}, schema={CURVE: pl.Float64})

    def save(self, folder: Path) -> None:
        """Writes ``catboost_model.cbm`` and ``ranker.json`` into ``folder``, which is made when absent."""
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_model(str(folder / MODEL_FILE))
        manifest = {
            "features": self.features.model_dump(mode="json"),
            "feature_hash": self.features.hash,
            "policy": self.policy.model_dump(mode="json"),
            "trees": self.best_iteration,
            "validation_ndcg": self.validation_ndcg,
            "strangers_list": self.strangers_list,
            "loss": self.loss,
            "tried_losses": dict(self.tried_losses),
            "calibration": self.calibration.model_dump(mode="json") if self.calibration else None,
        }
        (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1, allow_nan=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, *, expected: FeatureSet | None = None) -> Self:
        """The ranker saved in ``folder``.

        Raises:
            FeatureMismatch: its manifest does not fit itself, or it was trained on other features than ``expected``.
        """
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        features = FeatureSet.model_validate(manifest["features"])
        if features.hash != manifest["feature_hash"]:
            raise FeatureMismatch(
                f"{folder / MANIFEST_FILE}: found features of hash {features.hash[:12]}, expected "
                f"{manifest['feature_hash'][:12]}; the file was changed, train the ranker again"
            )
        if expected is not None:
            features.require(expected)
        ranker = cls(features, RankerPolicy.model_validate(manifest["policy"]))
        ranker.best_iteration, ranker.validation_ndcg = manifest["trees"], manifest["validation_ndcg"]
        ranker.strangers_list = manifest.get("strangers_list")
        ranker.loss = manifest.get("loss", ranker.policy.loss)
        ranker.tried_losses = manifest.get("tried_losses", {})
        if manifest.get("calibration") is not None:
            ranker.calibration = Calibration.model_validate(manifest["calibration"])
        ranker._model = CatBoost().load_model(str(folder / MODEL_FILE))
        return ranker

    def _with_a_loss(
        self, learned: pl.DataFrame, held: pl.DataFrame, rng: np.random.Generator, threads: int
    ) -> RankerPolicy:
        """The policy, with the loss that does best where it leaves the choice open."""
        if self.policy.loss == AUTO:

            def judge(policy: RankerPolicy, rows: pl.DataFrame, held: pl.DataFrame) -> float:
                return max(_curve(self._grown(policy, rows, held, threads)))

            self.tried_losses = tried_losses(self.policy, learned, held, judge, rng)
            self.loss = best_loss(self.tried_losses)
        return self.policy.model_copy(update={"loss": self.loss})

    def _grown(self, policy: RankerPolicy, rows: pl.DataFrame, held: pl.DataFrame, threads: int) -> CatBoost:
        model = CatBoost(_parameters(policy, threads))
        try:
            model.fit(self._pool(rows), eval_set=self._pool(held), verbose=False)
        except CatBoostError as fault:
            raise NotEnoughData(f"found {rows.height} rows that nothing can be learned from: {fault}") from fault
        return model

    def _scores(self, model: CatBoost, rows: pl.DataFrame) -> NDArray[np.float64]:
        corrections: NDArray[np.float64] = model.predict(self._table(rows), thread_count=THREADS)
        return self._prior(rows) + corrections

    def _prior(self, rows: pl.DataFrame) -> NDArray[np.float64]:
        shares = [pl.col(name).cast(pl.Float64).fill_null(0.0) for name in self.features.shares]
        agreed = rows.with_columns(pl.sum_horizontal(pl.lit(0.0), *shares).alias(c.SHARE))[c.SHARE]
        return self.policy.prior_weight * agreed.to_numpy()

    def _pool(self, rows: pl.DataFrame) -> Pool:
        ordered = rows.sort(c.AS_OF, c.USER_ID, c.ITEM_ID)
        groups = ordered.select(pl.struct(c.AS_OF, c.USER_ID).rank("dense")).to_series().to_numpy()
        return Pool(
            self._table(ordered),
            label=ordered[c.LABEL].to_numpy(),
            group_id=groups,
            baseline=self._prior(ordered),
            cat_features=list(self.features.categorical),
        )

    def _table(self, rows: pl.DataFrame) -> Any:
        """The features as CatBoost reads them: pandas, numbers as float32 with NaN for null."""
        absent = [name for name in self.features.names if name not in rows.columns]
        if absent:
            raise FeatureMismatch(f"found no {absent}, expected every feature of the ranker; build_features makes them")
        numbers = [pl.col(name).cast(pl.Float32).fill_null(float("nan")) for name in self.features.numeric]
        words = [pl.col(name).cast(pl.String) for name in self.features.categorical]
        return rows.select(*numbers, *words).select(self.features.names).to_pandas()


def _parameters(policy: RankerPolicy, threads: int) -> dict[str, Any]:
    return {
        "loss_function": policy.loss,
        "eval_metric": f"{METRIC};hints=skip_train~true",
        "iterations": policy.iterations,
        "learning_rate": policy.learning_rate,
        "depth": policy.depth,
        "random_seed": policy.seed,
        "thread_count": threads,
        "od_type": "Iter",
        "od_wait": PATIENCE,
        "use_best_model": True,
        "allow_writing_files": False,
    }


def _curve(model: CatBoost) -> list[float]:
    """Validation nDCG@10 after each tree."""
    curve: list[float] = model.get_evals_result().get("validation", {}).get(METRIC, [])
    return curve


def _outcomes(rows: pl.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each row was a success, and how many candidates it stands for: one where that was not counted."""
    weights = (
        rows[c.STANDS_FOR].cast(pl.Float64) if c.STANDS_FOR in rows.columns else pl.repeat(1.0, rows.height, eager=True)
    )
    return (rows[c.LABEL] > 0).to_numpy(), weights.to_numpy()
