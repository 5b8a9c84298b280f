"""The web service as one ASGI app; ``python -m web_service`` starts it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any, Final

import asyncpg
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from recsys.layout import Settings
from recsys.serving.migrate import migrations
from web_service import examples, problems
from web_service.auth import Keys
from web_service.draining import Draining
from web_service.ending import end
from web_service.garbage import seldom_collected
from web_service.impressions import ImpressionLog
from web_service.journal import Journal
from web_service.kept_models import KeptModels
from web_service.keyring import Keyring
from web_service.limits import Limits
from web_service.load import Load
from web_service.online_ranking import OnlineRanking, to_be_ranked
from web_service.predictors import Predictors
from web_service.quick import Quick
from web_service.responses import PROBLEMS
from web_service.routes import (
    events,
    experiments,
    health,
    items,
    page,
    predictions,
    recommendations,
    releases,
    sites,
    users,
)
from web_service.services import Services
from web_service.sites import SiteBook
from web_service.snapshots import Snapshots
from web_service.spool import Spool
from web_service.standing import Standing
from web_service.surroundings import Surroundings
from web_service.taking import Taking
from web_service.telemetry import Telemetry

DESCRIPTION = """
Recommendations that blend what was computed offline with what a user did a second ago.
Ask for a slate, tell what the user did, ask again: the answer has changed, and says because of what.

Errors are RFC 9457 problem documents that name the field and the reason.
"""

FOR_PAGES: Final[dict[str, Any]] = {
    "allow_methods": ["GET", "POST"],
    "allow_headers": ["Authorization", "Content-Type"],
    "expose_headers": ["X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy"],
}
"""What pages of other origins may send and see, where they may ask at all. No cookies: there are none."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The app on ``settings``, by default those of the environment. Nothing is connected before it starts.

    Raises:
        ConfigError: API keys are needed and not set.
    """
    settings = settings or Settings()
    telemetry = Telemetry()
    book = SiteBook(settings.sites_dir)
    load, draining = Load(settings.recsys_request_seconds, telemetry), Draining(settings.recsys_drain_seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with await _open_pool(settings) as pool:
            impressions = ImpressionLog(pool, telemetry)
            snapshots = Snapshots(settings, lambda: standing.change())
            standing = Standing(pool, snapshots, telemetry, lambda: _connect(settings))
            spool = Spool(settings.recsys_home / "spool", most_bytes=settings.recsys_spool_megabytes << 20)
            taking = Taking(pool, standing, spool, telemetry)
            keyring = Keyring(app.state.keys, pool, settings.recsys_home / "keys.json")
            ranking = OnlineRanking(settings, telemetry, lambda: to_be_ranked(book, standing))
            models, room = KeptModels(settings.recsys_home / "predictors"), settings.recsys_predictor_megabytes << 20
            predictors = Predictors(pool, models, telemetry, sites=book.ids, room=room)
            await asyncio.gather(keyring.start(), standing.start(), predictors.start())
            await ranking.start()
            app.state.services = Services(
                settings=settings,
                sites=book,
                telemetry=telemetry,
                pool=pool,
                standing=standing,
                taking=taking,
                impressions=impressions,
                ranking=ranking,
                predictors=predictors,
                migrations=migrations(),
            )
            tasks = [
                asyncio.create_task(work)
                for work in (
                    impressions.run(),
                    standing.run(),
                    taking.run(),
                    taking.catch_up(),
                    keyring.run(),
                    load.run(),
                    ranking.run(),
                    predictors.run(),
                    telemetry.run(),
                )
            ]
            draining.heed_signals()
            with seldom_collected(), traces.steps() if traces else nullcontext():
                yield
            await taking.drain()
            await impressions.drain()
            await keyring.drain()
            await end(tasks)
            spool.close()
            await snapshots.close()
            ranking.close()
            predictors.close()
            if traces is not None:
                await asyncio.to_thread(traces.close)

    app = FastAPI(
        title="Recommendations",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.keys = Keys(settings)
    app.add_middleware(Quick, state=app.state)  # the first is the innermost
    app.state.draining = draining
    app.add_middleware(
        Limits,
        keys=app.state.keys,
        load=load,
        draining=draining,
        telemetry=telemetry,
        per_second=settings.recsys_requests_per_second,
    )
    app.add_middleware(Surroundings, telemetry=telemetry)
    if settings.recsys_log_format == "json":
        app.add_middleware(Journal)
    traces = None
    if settings.otel_exporter_otlp_endpoint:
        from web_service.tracing import Traces, Tracing  # OpenTelemetry is imported only here

        traces = Traces(settings.otel_exporter_otlp_endpoint)
        app.add_middleware(Tracing, traces=traces)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, **FOR_PAGES)
    problems.install(app)
    for resource in (recommendations, items, predictions, events, users, releases, experiments, sites):
        app.include_router(resource.router, responses=PROBLEMS)
    for resource in (health, page):
        app.include_router(resource.router)
    page.mount(app)
    examples.install(app)
    return app


async def _connect(settings: Settings) -> asyncpg.Connection:
    """The connection that listens."""
    name = {"application_name": "recsys-web-news"}
    return await asyncpg.connect(settings.postgres_dsn(), timeout=5, command_timeout=60, server_settings=name)


async def _open_pool(settings: Settings) -> asyncpg.Pool:
    """Connections are made when first needed, so the service starts, and says what is wrong, without a database."""
    return await asyncpg.create_pool(
        settings.postgres_dsn(),
        min_size=0,
        max_size=10,
        timeout=5,
        command_timeout=5,
        reset=_nothing_to_reset,
        server_settings={"application_name": "recsys-web", "jit": "off"},
    )


async def _nothing_to_reset(connection: asyncpg.Connection) -> None:
    """No request changes a connection's session, so giving it back costs no round trip."""
