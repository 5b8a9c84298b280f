"""What an answer of a content API says of an item, by the site's mapping."""

import json
from typing import Any, Final

import jmespath
from pydantic import ValidationError

from recsys.events.fetching.outcomes import Fault, Refused
from recsys.events.fetching.params import ContentApiParams
from recsys.events.model import ItemProperties
from recsys.types import ItemId

TEXTS: Final = frozenset({"title", "text", "category", "image", "language"})
LONGEST: Final = 200
"Characters of an answer that a detail repeats."


def read_answer(content: bytes, item_id: ItemId, params: ContentApiParams) -> ItemProperties | Refused:
    """What ``content``, the answer to the question for ``item_id``, tells; or why it tells nothing."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as fault:
        return Refused(Fault.MALFORMED, f"not JSON: {fault}"[:LONGEST])
    if not isinstance(answer, dict | list):
        return Refused(Fault.MALFORMED, f"found {answer!r}, expected an object or a list"[:LONGEST])
    try:
        return _of_another(answer, item_id, params) or _properties(answer, params)
    except (jmespath.exceptions.JMESPathError, TypeError, ValueError) as fault:  # whatever a function stumbles over
        return Refused(Fault.MALFORMED, f"a path does not fit the answer: {fault}"[:LONGEST])


def _of_another(answer: Any, item_id: ItemId, params: ContentApiParams) -> Refused | None:
    if params.id_path is None:
        return None
    says = _at(params.id_path, answer)
    if says is None or says == "":
        return Refused(Fault.NO_ID, f"found nothing at {params.id_path}")
    if isinstance(says, dict | list | bool):
        return Refused(Fault.NO_ID, f"found {says!r} at {params.id_path}, expected an id"[:LONGEST])
    return None if str(says) == item_id else Refused(Fault.DUPLICATE, f"is item {says}"[:LONGEST])


def _properties(answer: Any, params: ContentApiParams) -> ItemProperties | Refused:
    told = {name: _plain(name, _at(path, answer)) for name, path in params.fields.items()}
    more = {name: _at(path, answer) for name, path in params.attributes.items()}
    attributes = {name: value for name, value in more.items() if value is not None}
    try:
        found = ItemProperties.model_validate(told | {"attributes": attributes or None})
    except ValidationError as invalid:
        faults = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in invalid.errors()]
        return Refused(Fault.MALFORMED, "; ".join(faults)[:LONGEST])
    if not found.told:
        return Refused(Fault.MALFORMED, f"found nothing at {', '.join(params.fields.values())}"[:LONGEST])
    for rule in params.exclude:
        if rule.leaves_out(value := getattr(found, rule.property)):
            return Refused(Fault.EXCLUDED_BY_RULE, f"{rule.property} is {value}"[:LONGEST])
    missing = [name for name in params.require if getattr(found, name) is None]
    if "published_at" in missing:
        return Refused(Fault.NO_PUBLISH_DATE, f"found nothing at {params.fields['published_at']}")
    if missing:
        return Refused(Fault.MALFORMED, f"found no {', '.join(missing)}, which the site requires")
    return found


def _at(path: str, answer: Any) -> Any:
    """What the answer has there; None where it has nothing, or nothing that the path's function could work on."""
    try:
        return jmespath.search(path, answer)
    except jmespath.exceptions.JMESPathTypeError as fault:
        if fault.current_value is None:
            return None
        raise


def _plain(name: str, value: Any) -> Any:
    """Empty text says nothing; where text is wanted a number is its digits."""
    if isinstance(value, int | float) and not isinstance(value, bool) and name in TEXTS:
        return str(value)
    return value.strip() or None if isinstance(value, str) else value
