"""What is worth tuning of each predictor, and over which values: used where a site's YAML does not say.

What would change which rows a predictor is judged on, such as pauses and history, is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from recsys.predictors.session.kinds import checked
from recsys.predictors.session.mixture import MixtureParams
from recsys.sites.predictor_policy import PredictorsPolicy

TREES: Final[Mapping[str, Sequence[int | float]]] = {
    "learning_rate": (0.02, 0.04, 0.06, 0.08, 0.12, 0.2),
    "depth": (2, 3, 4, 5, 6),
}
WEIGHTS: Final = (0.05, 0.1, 0.3, 0.5, 1.0, 2.0)
DECAYS: Final = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SPACES: Final[Mapping[str, Mapping[str, Sequence[int | float]]]] = {
    "intent": {**TREES, "iterations": (100, 200, 400, 800), "held_share": (0.1, 0.2, 0.3)},
    "intent.recurrent": {
        "hidden_size": (8, 16, 32, 64),
        "batch_size": (8, 16, 32, 64),
        "learning_rate": (0.001, 0.003, 0.01),
        "reg": (0.0, 0.001, 0.01, 0.1),
    },
    "ctr": {
        **TREES,
        "iterations": (100, 200, 300, 600),
        "min_rows": (1, 2, 5, 10, 20),
        "folds": (3, 5, 8, 12),
        "buckets": (4_096, 16_384, 65_536),
    },
    "session.followers": {
        "window": (1, 3, 5, 10, 20),
        "backward": (0.0, 0.25, 0.5, 1.0),
        "distance_decay": (0.4, 0.6, 0.8, 0.9, 1.0),
        "popularity_power": (0.0, 0.1, 0.2, 0.3, 0.5),
        "shrinkage": (0.0, 0.3, 1.0, 3.0, 10.0),
        "position_decay": (0.0, *DECAYS),
    },
    "session.neighbours": {
        "neighbours": (50, 100, 300, 500, 1000),
        "recent_sequences": (250, 500, 1000, 2500),
        "rarity_power": (0.0, 0.5, 1.0),
        "matched_power": (0.0, 0.5, 1.0),
        "position_decay": DECAYS,
        "age_decay": (0.03, 0.1, 0.3, 1.0),
        "distance_decay": (0.4, 0.6, 0.8, 1.0),
    },
    "session.vectors": {
        "embedding_size": (32, 64, 96, 128),
        "window": (2, 3, 5, 8),
        "negatives": (5, 10, 20),
        "epochs": (5, 10, 15, 30),
        "position_decay": DECAYS,
    },
    "session.mixture": {"own_weight": (0.0, 0.1, 0.3, 0.6, 1.0), "own_decay": DECAYS},
    "session.ranked": {
        "candidates": (50, 100, 200),
        "taught_share": (0.05, 0.1, 0.2),
        "negative_share": (0.1, 0.3, 1.0),
        "iterations": (100, 300, 600),
        "learning_rate": (0.04, 0.08, 0.12),
        "depth": (4, 6, 8),
    },
    "session.attention": {
        "embedding_size": (32, 64, 128),
        "layers": (1, 2, 3),
        "dropout": (0.1, 0.2, 0.3, 0.5),
        "learning_rate": (0.001, 0.003, 0.01),
        "negatives": (256, 1024, 4096),
    },
}
"""Values by parameter, by part; of intent and next items by kind of model. The site's own are always tried first."""


def space_of(predictors: PredictorsPolicy, part: str) -> Mapping[str, Sequence[int | float]] | None:
    """The space of a part as ``tuned_part`` names it, None where there is none.

    Of a mixture also its parts: what each counts beside the first, and how its sessions fade.

    Raises:
        ConfigError: params of next items that their kind refuses.
    """
    kind = ".".join(part.split(".")[:2])
    if kind != "session.mixture" or predictors.session is None:
        return SPACES.get(kind)
    mixture = checked("mixture", predictors.session.params)
    assert isinstance(mixture, MixtureParams)
    weights = {f"parts.{n}.weight": WEIGHTS for n in range(1, len(mixture.parts))}
    fading = {
        f"parts.{n}.params.position_decay": DECAYS
        for n, each in enumerate(mixture.parts)
        if "position_decay" in type(checked(each.kind, each.params)).model_fields
    }
    return {**SPACES[kind], **weights, **fading}
