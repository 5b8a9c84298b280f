"""Did the ranker learn what it will be asked: no feature that knows the future, no labels that say nothing.

A number is looked at by how well it alone orders each user's candidates, successes first. Honest evidence does so about
as well in the label windows as on the evaluation window, for both were made in the same way, one after the other. Where
it does much better in training, it knew there what it cannot know later; where all of it says nothing of the labels in
training and much on the evaluation window, the labels are not what users did; and nothing honest orders them perfectly.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.evaluation.bootstrap import Interval
from recsys.evaluation.gate.check import SAMPLES, Check, not_measured
from recsys.evaluation.gate.evidence import Separation, TrainingEvidence
from recsys.sites.gate_policy import GatePolicy

GENERATORS: Final = "all generators together"
MOST_USERS: Final = 1000
"""Users of each kind of window that are looked at, drawn at random."""
SURE: Final = 1.96
"""Standard errors of a 95 % interval."""
CHANCE: Final = 0.5


def measure(
    training: pl.DataFrame,
    evaluation: pl.DataFrame,
    *,
    features: Sequence[str],
    shares: Sequence[str],
    knows_later: Sequence[str],
    rng: np.random.Generator,
) -> TrainingEvidence:
    """What each feature tells of successes, in training and on the evaluation window.

    Args:
        training: user_id, as_of, label (above 0 is a success), and the features.
        evaluation: the same.
        features: the ranker's numbers.
        shares: those of them that say how near a generator's score is to its best.
        knows_later: features that changed when the later log was taken away.
        rng: draws the users.
    """
    names = [*features, GENERATORS]
    found = [_areas(_some(rows, rng), features, shares) for rows in (training, evaluation)]
    separations = {name: Separation(training=found[0][name], evaluation=found[1][name]) for name in names}
    return TrainingEvidence(
        features={name: separations[name] for name in features},
        generators=separations[GENERATORS],
        knows_later=tuple(knows_later),
    )


def checks(evidence: TrainingEvidence | None, policy: GatePolicy) -> list[Check]:
    """What the policy asks of the training."""
    if evidence is None or not evidence.features:
        return [not_measured("the training", "features and labels looked at")]
    return [_later(evidence), _perfect(evidence, policy), _gap(evidence, policy), _labels(evidence, policy)]


def _later(evidence: TrainingEvidence) -> Check:
    return Check(
        name="features that know what came later",
        passed=not evidence.knows_later,
        found=", ".join(evidence.knows_later[:SAMPLES]) or "none",
        expected="none",
    )


def _perfect(evidence: TrainingEvidence, policy: GatePolicy) -> Check:
    """One feature that orders successes first by itself was made from them."""
    areas = {
        name: max(_strength(each.training.mean), _strength(each.evaluation.mean))
        for name, each in evidence.features.items()
    }
    name = max(areas, key=lambda each: _order(areas[each]))
    return Check(
        name="what one feature alone tells of successes",
        passed=areas[name] <= policy.max_feature_auc,
        found=f"an area under the curve of {areas[name]:.3f} ({name})",
        expected=f"at most {policy.max_feature_auc:.2f} (a better one knows the future)",
    )


def _gap(evidence: TrainingEvidence, policy: GatePolicy) -> Check:
    """What a feature surely tells in training, less what it may tell later, in the same direction."""
    gaps = {
        name: max(each.training.low - each.evaluation.high, each.evaluation.low - each.training.high)
        if _tells_more_in_training(each)
        else 0.0
        for name, each in evidence.features.items()
    }
    name = max(gaps, key=lambda each: _order(gaps[each]))
    areas = evidence.features[name]
    return Check(
        name="what one feature tells in training and not later",
        passed=gaps[name] <= policy.max_feature_gap,
        found=f"an area under the curve of {areas.training.mean:.2f} then {areas.evaluation.mean:.2f} ({name})",
        expected=f"areas that surely differ by at most {policy.max_feature_gap:.2f} (more knew the future)",
    )


def _labels(evidence: TrainingEvidence, policy: GatePolicy) -> Check:
    """The share of what generators know of successes later that they know of the labels too."""
    known, taught = (each - CHANCE for each in (evidence.generators.evaluation.mean, evidence.generators.training.high))
    agreement = taught / known if known > 0 else 0.0
    areas = evidence.generators
    return Check(
        name="what the generators tell of the labels that were learned",
        passed=agreement >= policy.min_label_agreement,
        found=f"an area under the curve of {areas.training.mean:.2f}, of successes later {areas.evaluation.mean:.2f}",
        expected=f"at least {policy.min_label_agreement:.0%} of the latter above chance (less means wrong labels)",
    )


def _strength(area: float) -> float:
    """The same for a feature that is low for successes."""
    return max(area, 1 - area)


def _tells_more_in_training(each: Separation) -> bool:
    """Also true of what is not a number."""
    return not abs(each.training.mean - CHANCE) <= abs(each.evaluation.mean - CHANCE)


def _order(value: float) -> float:
    """What is not a number comes before everything: it does not pass."""
    return np.inf if np.isnan(value) else value


def _some(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The rows of at most MOST_USERS users, of those who have both kinds of candidates."""
    success = pl.col(c.LABEL) > 0
    both = success.any().over(GROUP) & success.not_().any().over(GROUP)
    judged = rows.filter(both)
    groups = judged.select(GROUP).unique().sort(GROUP)
    drawn = groups[np.sort(rng.permutation(groups.height)[:MOST_USERS])]
    return judged.join(drawn, on=GROUP, how="semi")


def _areas(rows: pl.DataFrame, features: Sequence[str], shares: Sequence[str]) -> dict[str, Interval]:
    """Area under the curve within each group, mean over groups, with its 95 % interval; not numbers without groups.

    Source: Mann and Whitney, Annals of Mathematical Statistics 18(1), 1947. Ties count half; what is not known comes
    last.
    """
    together = pl.sum_horizontal(pl.lit(0.0), *(pl.col(name).fill_null(0.0) for name in shares)).alias(GENERATORS)
    success = pl.col(c.LABEL) > 0
    numbers = [*(pl.col(name).cast(pl.Float64).fill_nan(None).fill_null(UNKNOWN) for name in features), together]
    ranks = rows.select(*GROUP, c.LABEL, *numbers).with_columns(
        pl.col(*features, GENERATORS).rank("average").over(GROUP)
    )
    good, bad = success.sum().cast(pl.Float64), success.not_().sum().cast(pl.Float64)
    area = (pl.col(*features, GENERATORS).filter(success).sum() - good * (good + 1) / 2) / (good * bad)
    per_group = ranks.group_by(GROUP).agg(area).sort(GROUP)
    return {name: _interval(per_group[name].to_numpy()) for name in (*features, GENERATORS)}


def _interval(areas: np.ndarray) -> Interval:
    if not len(areas):
        return Interval(mean=np.nan, low=np.nan, high=np.nan)
    mean, error = float(areas.mean()), float(areas.std() / np.sqrt(len(areas)))
    return Interval(mean=mean, low=mean - SURE * error, high=mean + SURE * error)


GROUP: Final = [c.AS_OF, c.USER_ID]
UNKNOWN: Final = -1e30
