"""From names in a site's YAML to generators."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import ValidationError

from recsys import columns as c
from recsys.candidates.als import Als, AlsParams
from recsys.candidates.bpr import Bpr, BprParams
from recsys.candidates.content import Content, ContentParams
from recsys.candidates.covisitation import Covisitation, CovisitationParams
from recsys.candidates.ease import Ease, EaseParams
from recsys.candidates.generator import CandidateGenerator
from recsys.candidates.graph_filter import GraphFilter, GraphFilterParams
from recsys.candidates.group_popularity import GroupPopularity, GroupPopularityParams
from recsys.candidates.item_item import ItemItem, ItemItemParams
from recsys.candidates.neighbours import Neighbours, NeighboursParams
from recsys.candidates.newcomers import Newcomers, NewcomersParams
from recsys.candidates.popularity import Popularity, PopularityParams
from recsys.candidates.prod2vec import Prod2vec, Prod2vecParams
from recsys.candidates.recently_viewed import RecentlyViewed, RecentlyViewedParams
from recsys.candidates.session_knn import SessionKnn, SessionKnnParams
from recsys.candidates.svd_ratings import SvdRatings, SvdRatingsParams
from recsys.candidates.trending import Trending, TrendingParams
from recsys.errors import ConfigError
from recsys.sites.config import ComponentSpec
from recsys.types import Frozen

KINDS: Final[dict[str, tuple[type[Frozen], Any]]] = {
    Als.name: (AlsParams, Als),
    Bpr.name: (BprParams, Bpr),
    Content.name: (ContentParams, Content),
    Covisitation.name: (CovisitationParams, Covisitation),
    Ease.name: (EaseParams, Ease),
    GraphFilter.name: (GraphFilterParams, GraphFilter),
    GroupPopularity.name: (GroupPopularityParams, GroupPopularity),
    ItemItem.name: (ItemItemParams, ItemItem),
    Neighbours.name: (NeighboursParams, Neighbours),
    Newcomers.name: (NewcomersParams, Newcomers),
    Popularity.name: (PopularityParams, Popularity),
    Prod2vec.name: (Prod2vecParams, Prod2vec),
    RecentlyViewed.name: (RecentlyViewedParams, RecentlyViewed),
    SessionKnn.name: (SessionKnnParams, SessionKnn),
    SvdRatings.name: (SvdRatingsParams, SvdRatings),
    Trending.name: (TrendingParams, Trending),
}
"""Params and class of each kind of generator."""


READ: Final[dict[str, tuple[str, ...]]] = {
    Content.name: (c.TEXT, c.ATTRIBUTES),
    GroupPopularity.name: (c.ATTRIBUTES,),
}
"""What a kind looks at in the catalogue that no other does."""


def read_of_the_catalogue(specs: Sequence[ComponentSpec]) -> set[str]:
    """Columns of the catalogue that must be read because one of ``specs`` looks at them."""
    return {name for spec in specs for name in READ.get(spec.kind, ())}


def build_generators(specs: Sequence[ComponentSpec]) -> list[CandidateGenerator]:
    """One unfitted generator per spec, in order.

    Raises:
        ConfigError: an unknown kind, a kind that stands twice, or params that its class refuses; all faults at once.
    """
    faults: list[str] = []
    generators: list[CandidateGenerator] = []
    kinds = [spec.kind for spec in specs]
    repeated = sorted({kind for kind in kinds if kinds.count(kind) > 1})
    faults += [f"{kind}: stands {kinds.count(kind)} times; keep one" for kind in repeated]
    for spec in specs:
        if spec.kind not in KINDS:
            faults.append(f"found kind {spec.kind!r}, expected one of: {', '.join(KINDS)}")
            continue
        params_class, make = KINDS[spec.kind]
        try:
            generators.append(make(params_class.model_validate(spec.params)))
        except ValidationError as invalid:
            known = ", ".join(params_class.model_fields)
            faults += [
                f"{spec.kind}.{'.'.join(map(str, error['loc']))}: {error['msg']} (params are: {known})"
                for error in invalid.errors()
            ]
    if faults:
        raise ConfigError("candidates: " + "; ".join(faults))
    return generators
