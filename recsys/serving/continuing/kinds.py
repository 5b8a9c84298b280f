"""The ways of continuing a session, by their names. A new one is a file here and a line below."""

from typing import Final

from recsys.serving.continuing.attention import Attention
from recsys.serving.continuing.followers import Followers
from recsys.serving.continuing.mixture import Mixture
from recsys.serving.continuing.neighbours import SessionNeighbours
from recsys.serving.continuing.popular import Popular
from recsys.serving.continuing.ranked import Ranked
from recsys.serving.continuing.scorer import SessionScorer
from recsys.serving.continuing.vectors import ItemVectors

SCORERS: Final[dict[str, type[SessionScorer]]] = {
    scorer.kind: scorer for scorer in (Attention, Followers, ItemVectors, Mixture, Popular, Ranked, SessionNeighbours)
}
