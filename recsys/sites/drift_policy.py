"""How far what is seen today may lie from what was learned from, before somebody is told."""

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from recsys.sites.table_policy import Share
from recsys.types import Frozen


class PredictorDriftPolicy(Frozen):
    """The same for the predictors that are live, on what happened since they were trained.

    What became of predictions raises an alarm where its whole 95 % interval is beyond the bound.
    """

    days: PositiveInt = 7
    "The last days whose sessions and impressions are looked at."
    max_feature_psi: NonNegativeFloat = 0.25
    "Largest stability index of a feature, beyond chance and beyond what lies between single days."
    max_feature_ks: Share = 0.25
    "Largest distance between the two distributions of a feature, likewise."
    max_prediction_psi: NonNegativeFloat = 0.25
    "The same index for the predictions."
    max_calibration_error: PositiveFloat = 0.25
    "By how much more, or less, may happen than was predicted: 0.25 is a quarter more, or four fifths."
    min_gain: float = 0.0
    "How far the log-loss must be below that of the base rate, as a share of the latter."
    max_auc_drop: Share = 0.1
    "How far the AUC may fall below what it was before the predictor went live."
    max_mrr_drop: Share = 0.3
    "How much of its MRR@20 a model of next items may have lost, as a fraction of what it was before it went live."
    max_unknown_items: Share = 0.3
    "Largest share of the events of sessions whose item that model does not know."
    max_age_hours: NonNegativeFloat = 168.0
    "Largest age of what the predictor knows."
    retrain: bool = True
    "True: an alarm starts a training of the predictors."


class DriftPolicy(Frozen):
    """Every bound is inclusive. What is too little to be judged raises no alarm."""

    max_feature_psi: NonNegativeFloat = 0.25
    "Largest population stability index of a feature against the training window, beyond what chance gives."
    max_feature_ks: Share = 0.25
    "Largest distance between the two distributions of a feature (Kolmogorov-Smirnov), beyond what chance gives."
    max_score_psi: NonNegativeFloat = 0.25
    "The same index for the ranker's scores."
    min_rows: PositiveInt = 200
    "Fewest rows, on either side, for a feature or a day's mix to be judged."
    min_day_volume: NonNegativeFloat = 0.5
    "Fewest events, users or items of a day, relative to the median of its weekday in the four weeks before."
    max_day_volume: PositiveFloat = 2.0
    "Most of them, likewise."
    max_mix_shift: Share = 0.1
    "Largest share of a day's events that are of another type than usual on its weekday."
    max_cold_rise: Share = 0.2
    "How much higher a day's share of users who were never seen before may be than usual."
    max_new_item_rise: Share = 0.2
    "How much higher a day's share of events with items that were never seen before may be than usual."
    max_catalogue_churn: Share = 0.2
    "Largest share of the available items that came or went since the training."
    max_event_age_hours: NonNegativeFloat = 36.0
    "Largest age of the newest event."
    max_release_age_hours: NonNegativeFloat = 72.0
    "Largest age of what the live release knows."
    min_variety: Share = 0.5
    "Fewest items, as shown alike, in the live slates, relative to the most varied of the releases before."
    retrain: bool = True
    "True: a day that drifted starts a training at once."
    predictors: PredictorDriftPolicy = PredictorDriftPolicy()
