"""What the gate decides on beside the report: the data, the training, the slates that would be served.

Measured by the modules of this folder that have a ``measure``; a part that could not be measured is None, and does not
pass.
"""

from datetime import date
from typing import Self

from recsys.evaluation.bootstrap import Interval
from recsys.types import Frozen


class Day(Frozen):
    """One number of one day before as_of, beside what is usual."""

    day: date
    "The UTC day on which these 24 hours begin; as_of need not be midnight."
    what: str
    "What was counted: events, users or items."
    found: int
    usual: float
    "Median of the same weekday of the four weeks before."


class DataEvidence(Frozen):
    """The last days of the log."""

    newest_age_hours: float | None
    "Of the newest event at as_of; None for an empty log."
    days: tuple[Day, ...]
    "Those of which it is known what is usual, in order."
    refused: tuple[str, ...]
    "Partitions of these days that were refused when they were ingested last."


class Separation(Frozen):
    """How well one number tells successes from the rest of a user's candidates."""

    training: Interval
    "Area under the curve within a user, mean over users: 0.5 is chance."
    evaluation: Interval
    "The same in the same direction on the evaluation window."


class TrainingEvidence(Frozen):
    """What the ranker learned from, beside what it is judged on."""

    features: dict[str, Separation]
    "By feature; those that do not differ within a user are at 0.5."
    generators: Separation
    "What all generators' shares together tell."
    knows_later: tuple[str, ...]
    "Features of the evaluation window that change when all that came after its start is taken out of the log."


class SlatesEvidence(Frozen):
    """The slates of every user, as they would be served."""

    users: int
    "Who should get one: users with history."
    short: int
    "Those who get fewer than 10 items, or as many as are available."
    missing_users: tuple[str, ...]
    "Some of those who get none."
    unavailable_share: float
    "Of the items in the first 10 positions: not available, or not in the catalogue."
    unavailable_items: tuple[str, ...]
    "Some of them."
    first_item: str | None
    "What most users get first; None: there are no slates."
    first_item_share: float
    most_shown: str | None
    "What most users get among their first 10."
    most_shown_share: float
    variety: float
    "Effective number of items in the first 10 positions: 1 / Σ share², so that all shown alike count one each."


class LiveEvidence(Frozen):
    """The slates beside those of the live release."""

    release_id: str
    users: int
    "Who has a slate in the live release."
    drift: float | None
    "1 − mean share of the first 10 items that stay, over users in both; None: nobody is in both."
    variety: float
    not_compared: str | None
    "Why the live release is not among the report's contestants; None: it is."


class CaseEvidence(Frozen):
    """One of the site's cases."""

    name: str
    cases: int
    "Users it is about; 1 for a session."
    failed: int
    users: tuple[str, ...]
    "Some of those for whom it does not hold."
    items: tuple[str, ...]
    "Some of what they are shown and should not be."


class Evidence(Frozen):
    """Everything."""

    data: DataEvidence | None = None
    training: TrainingEvidence | None = None
    slates: SlatesEvidence | None = None
    candidate_recall: float | None = None
    "Share of what users did in the evaluation window that was among their candidates, mean over users."
    symmetry: float | None = None
    "Share of the first 10 similar items that have the item among theirs; None: no item has similar ones."
    live: LiveEvidence | None = None
    "None for a site without a live release."
    cases: tuple[CaseEvidence, ...] = ()

    def without_users(self) -> Self:
        """The same for a wider circle: it names no user."""
        slates = self.slates and self.slates.model_copy(update={"missing_users": ()})
        cases = tuple(each.model_copy(update={"users": ()}) for each in self.cases)
        return self.model_copy(update={"slates": slates, "cases": cases})
