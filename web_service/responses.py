"""How a contract leaves as JSON, and what each route may answer besides."""

from typing import Any, Final

import orjson
from fastapi import Response
from pydantic import BaseModel

from recsys.serving.contracts import Answer, ItemList
from web_service.problems import MEDIA_TYPE, ProblemDocument

JSON: Final = "application/json"

_AS_PROBLEM: Final = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "description": description,
        "content": _AS_PROBLEM,
    }
    for status, description in {
        401: "No API key, where one is needed",
        403: "An API key of another scope",
        404: "Unknown site, or nothing there yet",
        422: "The input is not valid: each fault with its field and reason",
        503: "The database does not answer",
    }.items()
} | {"4XX": {"model": ProblemDocument, "description": "Any other problem", "content": _AS_PROBLEM}}


def as_json(content: BaseModel, status: int = 200) -> Response:
    """The content as one JSON document; quicker than checking it against its own type again."""
    return Response(as_bytes(content), status, media_type=JSON)


def as_bytes(content: BaseModel | Answer | ItemList) -> bytes:
    """The JSON document itself."""
    return content.model_dump_json().encode() if isinstance(content, BaseModel) else orjson.dumps(content)
