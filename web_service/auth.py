"""API keys, one per scope. Each key opens its own scope; the admin key opens all three."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Final, Literal
from urllib.parse import urlsplit

from fastapi import Request, Security
from fastapi.security import HTTPBearer

from recsys.errors import ConfigError
from recsys.layout import Settings
from web_service.problems import Problem

Scope = Literal["read", "write", "admin"]
SCOPES: Final[tuple[Scope, ...]] = ("read", "write", "admin")
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

bearer = HTTPBearer(auto_error=False, description="An API key: RECSYS_READ_KEY, RECSYS_WRITE_KEY or RECSYS_ADMIN_KEY.")


class Keys:
    """The keys of one service; ``needed`` is False only where nobody but this machine can ask."""

    def __init__(self, settings: Settings) -> None:
        self.needed = settings.recsys_bind_host not in LOOPBACK or settings.recsys_require_keys
        secrets = (settings.recsys_read_key, settings.recsys_write_key, settings.recsys_admin_key)
        self._keys = {scope: secret.get_secret_value().encode() for scope, secret in zip(SCOPES, secrets, strict=True)}
        missing = [f"RECSYS_{scope.upper()}_KEY" for scope, key in self._keys.items() if not key]
        if self.needed and missing:
            raise ConfigError(
                f"found no {', '.join(missing)}, but the service listens on {settings.recsys_bind_host}, "
                "where API keys are needed; set them in .env, or listen on 127.0.0.1 only"
            )

    def scopes_of(self, key: str) -> set[Scope]:
        """What the key opens; takes the same time whatever the key is."""
        matching = {scope for scope, known in self._keys.items() if hmac.compare_digest(known, key.encode())}
        return set(SCOPES) if "admin" in matching else matching

    def require(self, request: Request, scope: Scope) -> None:
        """The request may use the scope. Raises Problem: 401 without a known key, 403 with a key of another scope."""
        if not self.needed:
            _require_own_page(request)
            return
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        scopes = self.scopes_of(key.strip()) if kind.lower() == "bearer" else set()
        if not scopes:
            raise Problem(
                401,
                "unauthorized",
                f"expected a key with scope {scope}: Authorization: Bearer KEY",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if scope not in scopes:
            raise Problem(
                403,
                "forbidden",
                f"the key has scope {', '.join(sorted(scopes))}, expected {scope}",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
            )


def needs(scope: Scope) -> Callable[..., Awaitable[None]]:
    """A dependency: the request may use this scope."""

    async def check(request: Request, _shown_in_docs: object = Security(bearer)) -> None:
        keys: Keys = request.app.state.keys
        keys.require(request, scope)

    return check


def _require_own_page(request: Request) -> None:
    """Without keys, a page of another origin in this machine's browser must not change anything."""
    origin = request.headers.get("origin")
    if request.method in ("GET", "HEAD", "OPTIONS") or origin is None:
        return
    if urlsplit(origin).netloc != request.headers.get("host"):
        raise Problem(
            403,
            "forbidden",
            "found a request from a page of another origin; expected the service's own page, "
            "or a client outside a browser",
        )
