"""API keys: who may do what, on which site. Postgres is not asked here; ``web_service.keyring`` brings the keys."""

import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.types import Scope as Asked

from recsys.errors import ConfigError
from recsys.layout import Settings
from recsys.serving.api_keys import SCOPES, Scope, digest
from recsys.types import SiteId
from web_service.problems import Problem

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

bearer = HTTPBearer(auto_error=False, description="An API key: of the site (`recsys keys create`), or the operator's.")


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of one key; not the key itself."""

    key_id: str
    "How logs, limits and the audit call it."
    opens: frozenset[Scope]
    site: SiteId | None = None
    "None: all sites, also those to come."
    ends: Mapping[str, float] = field(default_factory=dict)
    "Unix seconds from which it opens nothing, by why: expired, revoked."

    def sees(self, site: SiteId) -> bool:
        """Whether it is for this site."""
        return self.site is None or self.site == site


ANYBODY: Final = Key("none", frozenset(SCOPES))
"""Whoever asks on loopback, where no keys are needed."""


class Keys:
    """The keys of one service; ``needed`` is False only where nobody but this machine can ask."""

    def __init__(self, settings: Settings) -> None:
        self.needed = settings.recsys_bind_host not in LOOPBACK or settings.recsys_require_keys
        secrets = (settings.recsys_read_key, settings.recsys_write_key, settings.recsys_admin_key)
        said = {scope: secret.get_secret_value() for scope, secret in zip(SCOPES, secrets, strict=True)}
        missing = [f"RECSYS_{scope.upper()}_KEY" for scope, key in said.items() if not key]
        if self.needed and missing:
            raise ConfigError(
                f"found no {', '.join(missing)}, but the service listens on {settings.recsys_bind_host}, "
                "where API keys are needed; set them in .env, or listen on 127.0.0.1 only"
            )
        self._operator = _operator_keys({scope: key for scope, key in said.items() if key})
        self._origins = frozenset(settings.cors_origins)
        self._known = self._operator
        self._all_known = False
        self.used: dict[str, float] = {}
        "When each key was last used, in Unix seconds, since somebody last took this away."

    def know(self, keys: dict[bytes, Key]) -> None:
        """These, by SHA-256 of the key, are the keys beside the operator's, from now on."""
        self._known = keys | self._operator
        self._all_known = True

    def require(self, asked: Asked, scope: Scope, site: SiteId | None) -> Key:
        """The request may use the scope on this site (None: on no one site); returns its key, also in its state.

        Costs about a microsecond. ``asked`` is the ASGI scope of the request.

        Raises:
            Problem: 401 without a key that is valid now; 403 with a key of another scope, or of another site, whether
                there is such a site or not; 503 while it is not known yet which keys there are. Why is in the state of
                the request, as ``refused``.
        """
        if not self.needed:
            self._require_own_page(asked)
            return _noted(asked, ANYBODY)
        key = self._find(asked)
        if isinstance(key, str):
            asked.setdefault("state", {})["refused"] = key
            raise self._refusal(key, scope)
        _noted(asked, key)
        if site is not None and not key.sees(site):
            asked["state"]["refused"] = "site"
            raise Problem(403, "forbidden", "the key is not for this site; expected one of its own")
        if scope not in key.opens:
            asked["state"]["refused"] = "scope"
            raise Problem(
                403,
                "forbidden",
                f"the key has scope {', '.join(sorted(key.opens))}, expected {scope}",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
            )
        return key

    def of(self, asked: Asked) -> Key | None:
        """The key that came with the request and is valid now; None without one."""
        found = self._find(asked)
        return found if isinstance(found, Key) else None

    def oversees(self, asked: Asked) -> bool:
        """Whether the request may hear of all sites: it came with a key for all of them, or needs none."""
        key = self.of(asked) if self.needed else ANYBODY
        return key is not None and key.site is None and "read" in key.opens

    def _find(self, asked: Asked) -> Key | str:
        """The key of the request, or why it has none."""
        kind, _, token = dict(asked["headers"]).get(b"authorization", b"").partition(b" ")
        if kind.lower() != b"bearer":
            return "missing"
        key = self._known.get(digest(token.strip()))
        if key is None:
            return "unknown"
        now = time.time()
        for why, ends_at in key.ends.items():
            if now >= ends_at:
                return why
        self.used[key.key_id] = now
        return key

    def _require_own_page(self, asked: Asked) -> None:
        """Without keys, a page of another origin in this machine's browser must not change anything."""
        if asked["method"] in SAFE_METHODS:
            return
        said = dict(asked["headers"])
        origin = said.get(b"origin")
        if origin is None or urlsplit(origin).netloc == said.get(b"host") or origin.decode("latin-1") in self._origins:
            return
        raise Problem(
            403,
            "forbidden",
            "found a request from a page of another origin; expected the service's own page, one of "
            "RECSYS_CORS_ORIGINS, or a client outside a browser",
        )

    def _refusal(self, why: str, scope: Scope) -> Problem:
        if why == "unknown" and not self._all_known:
            return Problem(
                503,
                "store-unavailable",
                "the keys are not known yet, because the database does not answer; try again in a moment",
                headers={"Retry-After": "2"},
            )
        return Problem(
            401,
            "unauthorized",
            f"expected a valid key with scope {scope}: Authorization: Bearer KEY",
            headers={"WWW-Authenticate": "Bearer"},
        )


@dataclass(frozen=True)
class needs:
    """A dependency: the request may use this scope on the site of its path."""

    scope: Scope

    async def __call__(self, request: Request, _shown_in_docs: Annotated[object, Security(bearer)] = None) -> None:
        """Looks at the key, also where the route is not ``Guarded``."""
        _require(request, self.scope)


class Guarded(APIRoute):
    """A route that looks at the key before anything of the request is read: no key, no body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the look at the key."""
        answer = super().get_route_handler()
        scopes = [needed.dependency.scope for needed in self.dependencies if isinstance(needed.dependency, needs)]

        async def guarded(request: Request) -> Response:
            for scope in scopes:
                _require(request, scope)
            return await answer(request)

        return guarded


def _require(request: Request, scope: Scope) -> None:
    keys: Keys = request.app.state.keys
    keys.require(request.scope, scope, request.path_params.get("site"))


def _noted(asked: Asked, key: Key) -> Key:
    asked.setdefault("state", {})["key"] = key
    return key


def _operator_keys(said: dict[Scope, str]) -> dict[bytes, Key]:
    """The keys of the environment, for all sites; the admin key opens all three scopes."""
    opens: dict[str, set[Scope]] = {}
    for scope, key in said.items():
        opens.setdefault(key, set()).update(SCOPES if scope == "admin" else [scope])
    return {
        digest(key.encode()): Key(f"operator-{max(scopes, key=SCOPES.index)}", frozenset(scopes))
        for key, scopes in opens.items()
    }
