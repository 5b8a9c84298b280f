"""What is worth tuning of each generator, and over which values: used where a site's YAML does not say."""

from collections.abc import Mapping, Sequence
from typing import Final

FAST: Final = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 21.0, 30.0, 60.0, 120.0)
"""Half-lives in days, of lists for everybody."""
SLOW: Final = (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 365.0)
"""Half-lives in days, of what is learned of single users."""
SIZES: Final = (16, 32, 64, 96, 128)
DAMPING: Final = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0)
SPACES: Final[Mapping[str, Mapping[str, Sequence[int | float]]]] = {
    "popularity": {"half_life_days": FAST},
    "newcomers": {"first_hours": (1.0, 6.0, 24.0, 72.0, 168.0), "half_life_days": FAST},
    "trending": {
        "recent_days": (0.5, 1.0, 2.0, 3.0, 5.0, 7.0),
        "past_days": (7.0, 14.0, 28.0, 56.0),
        "smoothing": (1.0, 2.0, 5.0, 10.0, 20.0, 50.0),
    },
    "group_popularity": {"half_life_days": FAST, "query_half_life_days": SLOW},
    "recently_viewed": {"newest": (10, 20, 50, 100, 200), "position_decay": (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)},
    "als": {
        "embedding_size": SIZES,
        "reg": (0.005, 0.02, 0.05, 0.1, 0.3, 1.0),
        "alpha": (1.0, 3.0, 10.0, 30.0, 100.0),
        "half_life_days": (10.0, 20.0, 40.0, 60.0, 120.0, 365.0),
    },
    "bpr": {
        "embedding_size": SIZES,
        "learning_rate": (0.01, 0.02, 0.05, 0.1, 0.2),
        "reg": (0.001, 0.003, 0.01, 0.03, 0.1),
        "epochs": (50, 100, 200, 400),
    },
    "prod2vec": {
        "embedding_size": SIZES,
        "window": (2, 3, 5, 8, 12),
        "negatives": (5, 10, 20),
        "learning_rate": (0.01, 0.025, 0.05, 0.1),
        "epochs": (5, 10, 15, 30),
        "query_half_life_days": SLOW,
    },
    "svd_ratings": {
        "embedding_size": SIZES,
        "reg": (0.04, 0.08, 0.12, 0.16, 0.24, 0.4),
        "damping": (0.0, 1.0, 3.0, 5.0, 10.0),
    },
    "ease": {
        "reg": (10.0, 30.0, 60.0, 100.0, 200.0, 400.0, 800.0),
        "half_life_days": (5.0, 10.0, 20.0, 40.0, 80.0, 365.0),
        "query_half_life_days": (10.0, 30.0, 60.0, 90.0, 180.0, 365.0),
    },
    "graph_filter": {
        "embedding_size": (32, 64, 128, 256),
        "low_pass": (0.0, 0.1, 0.3, 0.6, 1.0),
        "popularity_power": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
        "half_life_days": SLOW,
        "query_half_life_days": SLOW,
    },
    "item_item": {
        "half_life_days": SLOW,
        "query_half_life_days": (5.0, 10.0, 30.0, 60.0, 120.0, 365.0),
        "shrinkage": DAMPING,
        "popularity_power": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
    },
    "neighbours": {
        "bm25_saturation": (0.3, 0.6, 1.2, 2.0, 5.0, 20.0),
        "bm25_length": (0.0, 0.2, 0.4, 0.6, 0.75, 0.9),
        "half_life_days": SLOW,
        "query_half_life_days": SLOW,
        "neighbours": (20, 50, 100, 200, 500),
    },
    "covisitation": {
        "window": (1, 3, 5, 10, 20),
        "backward": (0.0, 0.25, 0.5, 0.75, 1.0),
        "distance_decay": (0.4, 0.6, 0.8, 0.9, 1.0),
        "popularity_power": (0.0, 0.1, 0.2, 0.3, 0.5),
        "shrinkage": DAMPING,
        "half_life_days": SLOW,
        "position_decay": (0.3, 0.45, 0.6, 0.75, 0.9),
    },
    "session_knn": {
        "neighbours": (50, 100, 300, 500, 1000),
        "recent_sequences": (250, 500, 1000, 2500),
        "rarity_power": (0.0, 0.5, 1.0),
        "position_decay": (0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    },
    "content": {
        "max_terms": (1_000, 10_000, 100_000),
        "max_text_words": (20, 50, 200),
        "query_half_life_days": SLOW,
        "position_decay": (0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    },
}
"""Values by parameter, by kind of generator; the defaults are always tried first."""
