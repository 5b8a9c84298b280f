"""What users begin with: counts over the first day of each user, halved with age.

Somebody without history is about to have a first day; what regulars come back for says little about it.
"""

import polars as pl
from pydantic import PositiveFloat

from recsys import columns as c
from recsys.candidates.one_list import ListGenerator
from recsys.candidates.popularity import popular_items
from recsys.types import Frozen


class NewcomersParams(Frozen):
    """How long somebody is new, and how fast it fades."""

    first_hours: PositiveFloat = 24.0
    "Only events this soon after the user's first one are counted."
    half_life_days: PositiveFloat | None = 21.0
    "A first day this much older than the newest event counts half; null: age does not matter."


class Newcomers(ListGenerator):
    """The same items for everybody: those that most users took on their first day."""

    name = "newcomers"

    def __init__(self, params: NewcomersParams | None = None) -> None:
        super().__init__()
        self.params = params or NewcomersParams()

    def _rank(self, interactions: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
        params = self.params
        first = pl.col(c.TIMESTAMP).min().over(c.USER_ID)
        soon = (pl.col(c.TIMESTAMP) - first).dt.total_microseconds() <= params.first_hours * 3_600e6
        return popular_items(interactions.filter(soon), items, half_life_days=params.half_life_days, count="users")
