"""What else is known of an item, as the one JSON object that an item update carries."""

import json
from collections.abc import Mapping
from typing import Any, Final

CATEGORY_PATH: Final = "category_path"
"Of an item with a tree of categories: from its own category up to the root."


def as_attributes(known: Mapping[str, Any]) -> str | None:
    """The object, without what is null or empty; None where nothing is left."""
    said = {name: value for name, value in known.items() if value not in (None, "", [], {})}
    return json.dumps(said, ensure_ascii=False) if said else None


def json_in(cell: str | None) -> Any:
    """What a cell says in JSON; None where it says nothing that is JSON and can be stored as UTF-8."""
    try:
        found = json.loads(cell or "null")
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return found
