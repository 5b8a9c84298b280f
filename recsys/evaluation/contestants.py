"""Who is judged, and by what."""

from typing import Final

DEPTHS: Final = (10, 20)
COMPARED: Final = ("ndcg@10", "recall@20")
"""Metrics with intervals and paired differences."""
RANKED: Final = "ranked"
"The challenger: the slates of the release that is judged."
LIVE: Final = "live"
"The incumbent: the live release's ranker on the same candidates."
BEFORE_RERANKING: Final = "before_reranking"
"The contestant that shows the ranker's own order, where the site re-ranks."
POPULARITY: Final = "popularity"
"The generator that everybody must beat."
