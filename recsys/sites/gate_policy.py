"""What a release must prove before it goes live."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from recsys.sites.table_policy import Share
from recsys.types import Frozen


class Case(Frozen):
    """One thing that must hold for everybody of whom something is known, by the site's own judgement."""

    name: str
    "What must hold, in words."
    event: str | None = None
    "Users with an event of this type are looked at; null: of any type."
    given_category: str | None = None
    "… with an item of this category."
    given_items: tuple[str, ...] = ()
    "… with one of these items."
    session: tuple[str, ...] = ()
    "Instead of users: what follows these items, oldest first, for somebody who is not known."
    category: str | None = None
    "Items of this category are counted among the first positions."
    items: tuple[str, ...] = ()
    "These items are counted."
    at_least: NonNegativeInt = 0
    "Fewest of them."
    at_most: NonNegativeInt | None = None
    "Most of them; 0: none may be shown. null: any number."
    positions: PositiveInt = 10
    "How many first positions are looked at."
    min_share: Share = 1.0
    "Smallest share of the users for whom it must hold."

    @model_validator(mode="after")
    def _says_who_and_what(self) -> "Case":
        of_users = self.event is not None or self.given_category is not None or bool(self.given_items)
        if of_users == bool(self.session):
            raise ValueError(
                f"gate.cases: {self.name!r} is about {'both users and a' if of_users else 'neither users nor a'} "
                "session; expected one of event, given_category and given_items, or session"
            )
        if (self.category is None and not self.items) or (not self.at_least and self.at_most is None):
            raise ValueError(
                f"gate.cases: {self.name!r} has nothing to count, or no bound; expected category or items, and "
                "at_least or at_most"
            )
        if self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"gate.cases: {self.name!r} asks for at least {self.at_least}, at most {self.at_most}")
        return self


class GatePolicy(Frozen):
    """Every bound is inclusive. What cannot be measured does not pass."""

    primary_metric: Literal["ndcg@10", "recall@20"] = "ndcg@10"
    min_users: PositiveInt = 50
    "Fewest users in the evaluation window for a judgement."
    min_lift_over_popularity: float = 0.0
    "Lowest accepted relative lift over popularity, as a fraction (0.01 is one percent)."
    lift_must_be_sure: bool = False
    "True: the lower end of the lift's 95 % interval must reach it; false: the mean must."
    max_loss_against_live: NonNegativeFloat = 0.02
    "Largest relative loss against the live release that its interval may reach to at the better end."
    max_loss_against_generators: NonNegativeFloat = 0.02
    "The same against the best generator alone, for the ranker before it is re-ranked."
    min_coverage: Share = 0.01
    "Smallest share of the catalogue that appears in the slates' first 10 positions."
    min_candidate_recall: Share = 0.02
    "Smallest share of what users then did that was among their candidates, mean over users."

    data_days: PositiveInt = 7
    "How many days before as_of are looked at for what is missing, refused, or out of the usual."
    max_event_age_hours: NonNegativeFloat = 72.0
    "Largest age of the newest event at as_of."
    max_refused_partitions: NonNegativeInt = 0
    "Most partitions of these days that were refused when they were ingested last."
    min_day_volume: NonNegativeFloat = 0.2
    "Fewest events of each of these days, relative to the median of the same weekday of the four weeks before."
    max_day_volume: NonNegativeFloat | None = 10.0
    "Most events, likewise; null: any number."

    max_feature_auc: Share = 0.97
    "How well one feature alone may tell successes from the rest of a user's candidates (area under the curve)."
    max_feature_gap: Share = 0.2
    "How much better it may tell them in the training windows than on the evaluation window."
    min_label_agreement: Share = 0.5
    "How much of what the generators know of successes on the evaluation window they must know in training."

    max_short_slates: Share = 0.05
    "Largest share of the users with history who get fewer than 10 items, or none."
    max_unavailable_items: Share = 0.0
    "Largest share of unavailable or unknown items in the slates' first 10 positions."
    max_first_item_share: Share = 0.5
    "Largest share of the users who get the same item first."
    max_item_share: Share = 0.95
    "Largest share of the users who get the same item among their first 10."
    min_users_against_live: NonNegativeFloat = 0.8
    "Fewest users with a slate, relative to the live release."
    max_drift: Share = 0.95
    "Largest drift from the live slates: 1 − mean share of the first 10 items that stay, over users in both."
    min_variety_against_live: NonNegativeFloat = 0.5
    "Smallest effective number of items in the first 10 positions, relative to the live release."
    min_symmetry: Share = 0.0
    "Smallest share of the first 10 similar items that have the item among their own similar items."
    cases: tuple[Case, ...] = Field(default=())
    "What must hold by the site's own judgement."
