"""Column names of every frame that crosses a folder border.

The only place where a column is spelled as a literal; a test keeps it so. Event columns come first, then what is
learned from them, then what is served.
"""

from typing import Final

# --- events: one row per interaction ---------------------------------------------------------------------------------
PARTITION: Final = "partition"
"When the partition that a row belongs to starts, UTC."
EVENT_ID: Final = "event_id"
USER_ID: Final = "user_id"
ITEM_ID: Final = "item_id"
EVENT_TYPE: Final = "event_type"
TIMESTAMP: Final = "timestamp"
VALUE: Final = "value"
"What the interaction is worth in the site's currency (price × quantity), or a rating; null where unknown."
SESSION_ID: Final = "session_id"
REQUEST_ID: Final = "request_id"
ITEMS: Final = "items"
"Item ids of one impression, in the order shown."
RELEASE_ID: Final = "release_id"
OFFSET: Final = "offset"
"Where a message stands in its topic's partition."
MESSAGE: Final = "message"
RECEIVED_AT: Final = "received_at"
"When the broker took a message, by the broker's or the sender's clock, as the topic is set up."
KIND: Final = "kind"
"What a message tells: an interaction, an impression, an item update."
ERASED_AT: Final = "erased_at"
"When a user asked to be forgotten: what came before is not looked at any more."

# --- raw rows and quarantine: where a row came from, why it was set aside ---------------------------------------------
SOURCE_FILE: Final = "source_file"
SOURCE_LINE: Final = "source_line"
RAW: Final = "raw"
"The row as it was read, for a person: one JSON object."
REASON: Final = "reason"

# --- catalogue: what was known of an item at a time -------------------------------------------------------------------
TITLE: Final = "title"
TEXT: Final = "text"
CATEGORY: Final = "category"
PRICE: Final = "price"
AVAILABLE: Final = "available"
IMAGE: Final = "image"
"Address of a picture."
LANGUAGE: Final = "language"
"As in BCP 47: en, de-AT."
PUBLISHED_AT: Final = "published_at"
ATTRIBUTES: Final = "attributes"
"Anything else that is known of an item: one JSON object, as text."
DETAIL: Final = "detail"
"What exactly was wrong, for a person."
LASTING: Final = "lasting"
"Whether asking again soon would give the same."

# --- candidates and slates --------------------------------------------------------------------------------------------
SOURCE: Final = "source"
SCORE: Final = "score"
RANK: Final = "rank"
"1 is best."
CASE: Final = "case"
"Which line of a file of cases, from 0."
BECAUSE: Final = "because"
"Item ids of the user's history that led to this item; empty where there is no such item."
SIMILAR_ITEM_ID: Final = "similar_item_id"
POSITION: Final = "position"
"Place of an item in a session: 1 is the oldest."
LABEL: Final = "label"
WEIGHT: Final = "weight"
"""How much an interaction counts, dimensionless."""
ITEM_IDS: Final = "item_ids"
SCORES: Final = "scores"
SOURCES: Final = "sources"
BECAUSE_ITEMS: Final = "because_items"
PROPENSITY: Final = "propensity"
"How likely this item was to stand at this position, given the positions before it; in (0, 1]."
PROPENSITIES: Final = "propensities"
EXCLUDED_ITEMS: Final = "excluded_items"
"""Items that this user must not be shown (already bought, where the site says so)."""

# --- evidence of each generator for one pair, and features ------------------------------------------------------------
AS_OF: Final = "as_of"
"The exclusive UTC end of what was known when a row was made."
AGE_DAYS: Final = "age_days"
"Days between an event and as_of."
N_SOURCES: Final = "n_sources"
"How many generators proposed the pair."
USER_EVENTS: Final = "user_events"
USER_ITEMS: Final = "user_items"
USER_ACTIVE_DAYS: Final = "user_active_days"
USER_DAYS_SINCE_LAST: Final = "user_days_since_last"
USER_DAYS_SINCE_FIRST: Final = "user_days_since_first"
USER_MEAN_PRICE: Final = "user_mean_price"
ITEM_POPULARITY_1D: Final = "item_popularity_1d"
ITEM_POPULARITY_7D: Final = "item_popularity_7d"
ITEM_POPULARITY_28D: Final = "item_popularity_28d"
ITEM_POPULARITY_ALL: Final = "item_popularity_all"
"Distinct users of the item in the window, per thousand of the window's users."
ITEM_TREND: Final = "item_trend"
"Popularity of 7 days over popularity of 28 days; above 1 the item rises."
ITEM_AGE_DAYS: Final = "item_age_days"
ITEM_DAYS_SINCE_LAST: Final = "item_days_since_last"
ITEM_REPEAT_RATE: Final = "item_repeat_rate"
ITEM_MEAN_WEIGHT: Final = "item_mean_weight"
PRICE_RATIO: Final = "price_ratio"
PAIR_EVENTS: Final = "pair_events"
PAIR_WEIGHT: Final = "pair_weight"
PAIR_DAYS_SINCE_LAST: Final = "pair_days_since_last"
CATEGORY_AFFINITY: Final = "category_affinity"
"Share of the user's weight that lies in the item's category."
CATEGORY_DAYS_SINCE_LAST: Final = "category_days_since_last"


def source_score(source: str) -> str:
    """Column of one generator's score for a pair; null where it did not propose it."""
    return f"{source}_score"


def source_rank(source: str) -> str:
    """Column of one generator's rank for a pair; null where it did not propose it."""
    return f"{source}_rank"


def source_share(source: str) -> str:
    """Column of one generator's score over its best score for the same user."""
    return f"{source}_share"


# --- reports ----------------------------------------------------------------------------------------------------------
K: Final = "k"
HITS: Final = "hits"
RECALL: Final = "recall"
SHARE: Final = "share"
UNIQUE_HITS: Final = "unique_hits"
TRUTH_SIZE: Final = "truth_size"
"Items of the truth, per user."
MET_BY: Final = "met_by"
"Distinct users who did anything with an item."
FEATURE: Final = "feature"
IMPORTANCE: Final = "importance"
