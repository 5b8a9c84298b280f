"""How far what is seen today may lie from what was learned from, before somebody is told."""

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from recsys.sites.table_policy import Share
from recsys.types import Frozen


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
