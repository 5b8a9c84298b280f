"""A client of the web service, for shops written in Python: ``Client``, and ``AsyncClient`` with the same methods.

Light: it needs httpx and the types of the answers, and no frame library.
"""

from recsys.client.asynchronous import AsyncClient
from recsys.client.calls import event
from recsys.client.errors import (
    InvalidRequest,
    NotFound,
    NotPermitted,
    RateLimited,
    ServiceError,
    Unavailable,
)
from recsys.client.synchronous import Client

__all__ = [
    "AsyncClient",
    "Client",
    "InvalidRequest",
    "NotFound",
    "NotPermitted",
    "RateLimited",
    "ServiceError",
    "Unavailable",
    "event",
]
