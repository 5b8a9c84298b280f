"""What a request may use: made once when the app starts, found by every route."""

from dataclasses import dataclass
from typing import Annotated

import asyncpg
from fastapi import Depends, Path, Request

from recsys.layout import Settings
from recsys.serving.migrate import Migration
from recsys.sites import SiteConfig
from web_service.impressions import ImpressionLog
from web_service.online_ranking import OnlineRanking
from web_service.predictors import Predictors
from web_service.sites import SiteBook
from web_service.standing import Standing
from web_service.taking import Taking
from web_service.telemetry import Telemetry


@dataclass(frozen=True)
class Services:
    """The parts of a running service."""

    settings: Settings
    sites: SiteBook
    telemetry: Telemetry
    pool: asyncpg.Pool
    standing: Standing
    taking: Taking
    impressions: ImpressionLog
    ranking: OnlineRanking
    predictors: Predictors
    migrations: list[Migration]
    "What the database should have."


async def services(request: Request) -> Services:
    """The services of the app that answers this request."""
    found: Services = request.app.state.services
    return found


InService = Annotated[Services, Depends(services)]


async def _site(
    site: Annotated[str, Path(description="A site that is set up here.", examples=["demo_shop"])], service: InService
) -> SiteConfig:
    return service.sites.get(site)


OfSite = Annotated[SiteConfig, Depends(_site)]
"""The configuration of the site in the path; 404 where there is none."""
