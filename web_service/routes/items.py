"""Items: what is known of them, what is similar, what is popular."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from recsys.events.model import Id
from recsys.serving.contracts import Answer, ItemFacts, ItemList, RecommendedItem
from recsys.serving.impressions import ShownAs, as_shown
from recsys.serving.reading import ScoredItems
from recsys.sites import SiteConfig
from recsys.types import ReleaseId
from web_service import clock
from web_service.answering import Wish, answer, require_live, shown
from web_service.arms import UNTREATED
from web_service.auth import Guarded, needs
from web_service.blending import Candidate
from web_service.parameters import ItemsQuery, PopularQuery, SimilarQuery
from web_service.problems import Problem
from web_service.responses import JSON, as_bytes
from web_service.services import InService, OfSite, Services

router = APIRouter(prefix="/v1/{site}", tags=["items"], route_class=Guarded, dependencies=[Depends(needs("read"))])


@router.get("/items", summary="Describe items")
async def describe(site: OfSite, query: Annotated[ItemsQuery, Query()], service: InService) -> list[ItemFacts]:
    """Title, category and price of items, in the order asked; unknown ones are left out."""
    known = await require_live(service.standing, site).items(query.ids)
    return [
        ItemFacts(item_id=item.item_id, title=item.title, category=item.category, price=item.price)
        for item in (known[item_id] for item_id in dict.fromkeys(query.ids) if item_id in known)
    ]


@router.get("/items/{item_id:path}/similar", response_model=ItemList, summary="Similar items")
async def similar(
    site: OfSite,
    item_id: Annotated[Id, Path(examples=["i0007"])],
    query: Annotated[SimilarQuery, Query()],
    service: InService,
    request: Request,
) -> Response:
    """Neighbours of one item, best first; fewer than ``k`` where it has fewer."""
    reader = require_live(service.standing, site)
    wish = Wish(user_id=None, **vars(query))
    shelf = await reader.shelf(similar_to=[item_id], filters=wish.filters, slates=[])
    neighbours = shelf.similar.get(item_id)
    if neighbours is None:
        if not await reader.items([item_id]):
            raise Problem(404, "unknown-item", f"found {item_id!a}, expected an item of the catalogue of {site.site}")
        neighbours = ScoredItems()
    items = {near: item for near in neighbours.item_ids if (item := shelf.item(near)) and near not in query.exclude}
    candidates: list[Candidate] = [
        (near, score, "similar", (item_id,))
        for near, score in zip(neighbours.item_ids, neighbours.scores, strict=True)
        if near in items
    ]
    listed = shown(candidates[: query.offset + query.k], items, offset=query.offset)
    return _listed(service, request, "similar", site, reader.key.release_id, listed)


@router.get("/popular", response_model=ItemList, summary="Popular items")
async def popular(
    site: OfSite, query: Annotated[PopularQuery, Query()], service: InService, request: Request
) -> Response:
    """What is popular now, in the whole catalogue or in one category."""
    wish = Wish(user_id=None, mode="offline", **vars(query))
    found = await answer(service.standing, site, wish, request_id=request.state.request_id, now=clock.now())
    return _listed(service, request, "popular", site, found.answer["release_id"], found.answer["items"])


def _listed(
    service: Services,
    request: Request,
    surface: ShownAs,
    site: SiteConfig,
    release_id: ReleaseId,
    items: list[RecommendedItem],
) -> Response:
    """The list as JSON; it will be written down as an impression of nobody in particular."""
    request_id, arm = request.state.request_id, UNTREATED.label
    found = ItemList(request_id=request_id, site=site.site, release_id=release_id, items=items)
    if items:
        to_nobody = Answer(
            request_id=request_id, site=site.site, user_id=None, release_id=release_id, arm=arm, items=items
        )
        service.impressions.note(as_shown(to_nobody, clock.now(), surface=surface))
    return Response(as_bytes(found), media_type=JSON)
