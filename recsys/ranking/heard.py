"""What generators said of some users, so that it can be looked at as if there had been fewer of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from recsys import columns as c
from recsys.candidates.pool import proposed_within
from recsys.ranking.candidate_rows import Recall


@dataclass(frozen=True)
class Heard:
    """Fitted generators, all that they had to say of the users who are asked about, and what these then did."""

    recall: Recall
    pool: pl.DataFrame
    "Schema CANDIDATES, of ``Recall.pool``."
    labels: pl.DataFrame
    "Distinct pairs (user_id, item_id) of success; maybe with ``label``."

    def rows(self, sources: Sequence[str], k: int) -> pl.DataFrame:
        """``Recall.rows`` of the same moment with no other generators than ``sources``, each proposing ``k``."""
        generators = tuple(one for one in self.recall.generators if one.name in sources)
        heard = self.pool.filter(pl.col(c.SOURCE).is_in([one.name for one in generators]))
        alone = replace(self.recall, generators=generators)
        vars(alone)["knowledge"] = self.recall.knowledge
        return alone.rows(proposed_within(heard, k))
