"""Column names of every frame that crosses a folder border.

The only place where a column is spelled as a literal; a test keeps it so. Event columns come first, then what is
learned from them, then what is served.
"""

from typing import Final

# --- events: one row per interaction ---------------------------------------------------------------------------------
SITE: Final = "site"
DAY: Final = "day"
EVENT_ID: Final = "event_id"
USER_ID: Final = "user_id"
ITEM_ID: Final = "item_id"
EVENT_TYPE: Final = "event_type"
TIMESTAMP: Final = "timestamp"
VALUE: Final = "value"
"What the interaction is worth in the site's currency (price × quantity), or a rating; null where unknown."
SESSION_ID: Final = "session_id"
REQUEST_ID: Final = "request_id"

# --- raw rows and quarantine: where a row came from, why it was set aside -----------------------------------------------
SOURCE_FILE: Final = "source_file"
SOURCE_LINE: Final = "source_line"
RAW: Final = "raw"
"The row as it was read, for a person: one JSON object."
REASON: Final = "reason"

# --- catalogue: what was known of an item at a time ---------------------------------------------------------------------
TITLE: Final = "title"
CATEGORY: Final = "category"
PRICE: Final = "price"
AVAILABLE: Final = "available"

# --- candidates and slates -----------------------------------------------------------------------------------------------
SOURCE: Final = "source"
SCORE: Final = "score"
RANK: Final = "rank"
"1 is best."
BECAUSE: Final = "because"
"Item ids of the user's history that led to this item; empty where there is no such item."
SIMILAR_ITEM_ID: Final = "similar_item_id"
LABEL: Final = "label"
WEIGHT: Final = "weight"
"""How much an interaction counts, dimensionless."""
ITEM_IDS: Final = "item_ids"
SCORES: Final = "scores"
SOURCES: Final = "sources"
BECAUSE_ITEMS: Final = "because_items"
EXCLUDED_ITEMS: Final = "excluded_items"
"""Items that this user must not be shown (already bought, where the site says so)."""
