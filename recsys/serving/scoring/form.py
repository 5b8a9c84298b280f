"""What travels with a release so that its ranker can score at request time, and how it is kept on a host.

A pair's features fall into five kinds: of the user, of the item, of both together (encounters), of the user and the
item's category (tastes), and what the generators said (evidence). Each is kept once; ``rows`` puts them together as
training did.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from recsys.errors import FeatureMismatch
from recsys.types import Frozen

FORM: Final = "ranker_form.json"
USERS: Final = "ranker_users.parquet"
ITEMS: Final = "ranker_items.parquet"
MODEL: Final = "catboost_model.cbm"
RANKER: Final = "ranker.json"
DOCUMENTS: Final = (FORM, MODEL, RANKER)
"""Files that travel as they are."""


class Neighbourhood(Frozen):
    """The generator whose evidence is told again, when a user did something after ``as_of``: that of similar items."""

    source: str
    unit: float
    "The mean weight of an event: the generator counts in it."
    depth: int
    "How many of its items per user it is heard on."


class Form(Frozen):
    """What the arrays of a release hold: names of features, in the order of their columns."""

    feature_hash: str
    "Of the feature set that the arrays were made for."
    model_sha256: str
    users: tuple[str, ...]
    items: tuple[str, ...]
    encounters: tuple[str, ...]
    tastes: tuple[str, ...]
    evidence: tuple[str, ...]
    categories: tuple[str, ...]
    "By number; 0 is none."
    neighbourhood: Neighbourhood | None = None
    "None: no such generator is among the site's."

    def require(self, ranker: Mapping[str, Any]) -> None:
        """Nothing, when the ranker (its ``ranker.json``) reads the features that the arrays hold.

        Raises:
            FeatureMismatch: it was trained on others, or its file was changed.
        """
        found = hash_of_features(ranker["features"])
        if not found == ranker["feature_hash"] == self.feature_hash:
            raise FeatureMismatch(
                f"found a ranker of features {ranker['feature_hash'][:12]} (its names hash to {found[:12]}), expected "
                f"{self.feature_hash[:12]}, which what travels with the release was made for; build the release again"
            )


def hash_of_features(features: Mapping[str, Any]) -> str:
    """What ``FeatureSet.hash`` says of the same names."""
    told = {name: features[name] for name in ("names", "categorical")}
    return hashlib.sha256(json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
