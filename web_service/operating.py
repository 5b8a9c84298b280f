"""What operators' routes share: who asks and why, a patient way to Postgres, and MLflow's alias behind the pointer."""

import logging
from typing import Annotated, Final

from fastapi import Body, Depends, Request
from pydantic import BaseModel, Field

from recsys.errors import StoreError
from recsys.layout import Settings
from recsys.serving.aliases import follow
from recsys.serving.contracts import LiveRelease
from web_service.auth import ANYBODY, Key, needs

log = logging.getLogger(__name__)


class Reason(BaseModel):
    """Why something is changed."""

    reason: str = Field("", max_length=1000, description="Stands in the audit.", examples=["the sale begins"])


MOST: Final = "30s"
"""Longest that a statement of these routes may take, or wait."""
ADMIN: Final = [Depends(needs("admin"))]


async def _who(request: Request) -> str:
    """Who asks, as the audit names it."""
    key: Key = request.state.key
    named = "no key" if key is ANYBODY else f"key {key.key_id}"
    return f"{named}, from {request.client.host if request.client else 'an unknown address'}"


async def _why(body: Annotated[Reason | None, Body()] = None) -> Reason:
    return body or Reason()


Who = Annotated[str, Depends(_who)]
Why = Annotated[Reason, Depends(_why)]


def rare_dsn(settings: Settings) -> str:
    """For changes and looks that are rare and may take longer than an answer, but not forever."""
    return f"{settings.postgres_dsn()}?options=-c%20statement_timeout%3D{MOST}%20-c%20lock_timeout%3D{MOST}"


def tell_mlflow(settings: Settings, live: LiveRelease) -> None:
    """MLflow's alias follows the pointer; where MLflow does not answer, it does so at the next maintenance."""
    try:
        follow(rare_dsn(settings), settings.tracking_uri, live)
    except StoreError as fault:
        log.warning("release %s is live, but MLflow's alias was not moved: %s", live.release_id, fault)
