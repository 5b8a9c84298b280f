"""Which features a ranker sees, in which order: one list for training and serving, guarded by a hash."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Self

from recsys import columns as c
from recsys.errors import FeatureMismatch
from recsys.sites.config import SiteConfig
from recsys.sites.ranker_policy import LOOKED_AT
from recsys.types import Frozen

GROUPS: Final = {
    "activity": (
        c.USER_EVENTS,
        c.USER_ITEMS,
        c.USER_ACTIVE_DAYS,
        c.USER_DAYS_SINCE_LAST,
        c.USER_DAYS_SINCE_FIRST,
    ),
    "popularity": (
        c.ITEM_POPULARITY_1D,
        c.ITEM_POPULARITY_7D,
        c.ITEM_POPULARITY_28D,
        c.ITEM_POPULARITY_ALL,
        c.ITEM_TREND,
        c.ITEM_AGE_DAYS,
        c.ITEM_DAYS_SINCE_LAST,
        c.ITEM_REPEAT_RATE,
        c.ITEM_MEAN_WEIGHT,
    ),
    "beginnings": (
        *(c.ITEM_DISCOVERIES_3D, c.ITEM_DISCOVERIES_7D, c.ITEM_DISCOVERIES_28D),
        *(c.ITEM_NEWCOMERS_14D, c.ITEM_NEWCOMERS_56D, c.ITEM_FIRST_CHOICES),
    ),
    "mainstream": (c.ITEM_POPULARITY_RANK, c.USER_MAINSTREAM, c.USER_MAINSTREAM_SPREAD, c.MAINSTREAM_GAP),
    "price": (c.PRICE, c.USER_MEAN_PRICE, c.PRICE_RATIO, c.ITEM_VALUE, c.USER_VALUE, c.VALUE_GAP),
    "encounters": (c.PAIR_EVENTS, c.PAIR_WEIGHT, c.PAIR_DAYS_SINCE_LAST),
    "category": (c.CATEGORY_AFFINITY, c.CATEGORY_DAYS_SINCE_LAST),
    "visit": (c.PAIR_EVENTS_AGO, c.PAIR_VISIT_SHARE, c.CATEGORY_EVENTS_AGO, c.CATEGORY_VISIT_SHARE),
    "rhythm": (c.USER_HOUR, c.ITEM_HOUR, c.HOUR_GAP, c.USER_WEEKEND, c.ITEM_WEEKEND, c.WEEKEND_GAP),
    "clicks": (c.ITEM_CLICK_RATE, c.CATEGORY_CLICK_RATE),
}
"""What ``build_features`` adds to a pair, whatever the generators are, by what it is about."""
AFFINITY: Final = "affinity"
"""The group of what generators with vectors know of any pair: their inner products."""
EMBEDDED: Final = ("als", "bpr", "prod2vec")
"""Kinds of these generators."""
KNOWLEDGE: Final = tuple(name for group in GROUPS.values() for name in group)


class FeatureSet(Frozen):
    """Names of the columns of a ranker's input, in order."""

    names: tuple[str, ...]
    categorical: tuple[str, ...] = ()
    "Those of ``names`` that hold text."

    @classmethod
    def of(cls, sources: Sequence[str], *, groups: Sequence[str] = LOOKED_AT) -> Self:
        """The features of pairs proposed by ``sources``: what these said, and those of ``groups``, in one order."""
        columns = (c.source_score, c.source_share, c.source_rank)
        evidence = [column(source) for source in sources for column in columns]
        if AFFINITY in groups:
            evidence += [c.source_affinity(source) for source in sources if source in EMBEDDED]
        known = [name for group, names in GROUPS.items() if group in groups for name in names]
        return cls(names=(*evidence, c.N_SOURCES, *known, c.CATEGORY), categorical=(c.CATEGORY,))

    @classmethod
    def of_site(cls, site: SiteConfig) -> Self:
        """The features of a site's ranker."""
        return cls.of([spec.kind for spec in site.candidates], groups=site.ranker.features)

    @property
    def numeric(self) -> tuple[str, ...]:
        return tuple(name for name in self.names if name not in self.categorical)

    @property
    def shares(self) -> tuple[str, ...]:
        """Those of ``names`` that say how near a source's score is to its best for the user."""
        return tuple(name for name in self.names if name.endswith(c.source_share("")))

    @property
    def hash(self) -> str:
        """64 hexadecimal digits over names, order and kinds."""
        return sha256(self.model_dump_json().encode()).hexdigest()

    def require(self, other: "FeatureSet") -> None:
        """Nothing, when ``other`` is the same set.

        Raises:
            FeatureMismatch: with what is missing, new, or in another order.
        """
        if self.hash == other.hash:
            return
        missing = [name for name in self.names if name not in other.names]
        new = [name for name in other.names if name not in self.names]
        raise FeatureMismatch(
            f"found other features than the model was trained on (missing {missing}, new {new}, else another order or "
            f"kind); expected hash {self.hash[:12]}, got {other.hash[:12]}. Train the ranker again on these features"
        )
