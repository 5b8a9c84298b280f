"""The reference design: the user's slate is read from its table for each request, and nothing else is done."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import orjson
from fastapi import FastAPI, Response

_SLATE = (
    "SELECT item_ids[:$2] AS items, scores[:$2] AS scores FROM recsys.slate WHERE release_id = 'a' AND user_id = $1"
)


def create_app() -> FastAPI:
    """The app; ``BENCHMARK_DSN`` says where Postgres is."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["BENCHMARK_DSN"], max_size=10) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/health/live")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/v1/{site}/recommendations")
    async def recommend(site: str, user_id: str, k: int = 10) -> Response:
        row = await app.state.pool.fetchrow(_SLATE, user_id, k)
        items = (
            []
            if row is None
            else [dict(zip(("item_id", "score"), item, strict=True)) for item in zip(*row, strict=True)]
        )
        return Response(orjson.dumps({"user_id": user_id, "items": items}), media_type="application/json")

    return app
