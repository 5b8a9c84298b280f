"""The page, and the documentation of the API; everything they need comes from here."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

STATIC: Final = Path(__file__).parents[1] / "static"
PAGE: Final = ["GET", "HEAD"]
"""How a page may be asked for; HEAD: without its content."""

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=PAGE)
async def page() -> FileResponse:
    """The page on which a person tries the recommendations out."""
    return FileResponse(STATIC / "index.html")


@router.api_route("/docs", methods=PAGE)
async def docs() -> FileResponse:
    """The API, described and ready to be tried."""
    return FileResponse(STATIC / "docs.html")


@router.api_route("/recsys.js", methods=PAGE)
async def script() -> FileResponse:
    """The script that shops put into their own pages; so other origins may load it."""
    headers = {"Cross-Origin-Resource-Policy": "cross-origin", "Cache-Control": "public, max-age=3600"}
    return FileResponse(STATIC / "recsys.js", headers=headers)


def mount(app: FastAPI) -> None:
    """The page's files under /static, Swagger UI's under /static/swagger."""
    app.mount("/static/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]))
    app.mount("/static", StaticFiles(directory=STATIC))
