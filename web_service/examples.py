"""What the API's document shows as answers: one example for each operation, made of the contracts themselves."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from recsys.events.model import Interaction
from recsys.serving.contracts import (
    Answer,
    AnswerBatch,
    Changed,
    ClickPrediction,
    ClickPredictions,
    Erased,
    EventsAccepted,
    IntentPrediction,
    ItemFacts,
    ItemList,
    LiveRelease,
    Readiness,
    RecommendedItem,
    ReleaseChange,
    ReleaseChanges,
    ReleaseDifference,
    ReleaseList,
    ReleaseSummary,
    SiteSummary,
    SlateOverlap,
)
from recsys.serving.experiments import ExperimentChange, ExperimentHistory, ExperimentList, ExperimentRecord
from recsys.sites.experiment import Arm, Experiment

SITE: Final = "demo_shop"
RELEASE: Final = "demo_shop-20260301T020000Z-5f0c1d2e"
EXPERIMENT: Final = "fresh-ranker"
BEFORE: Final = "demo_shop-20260301T000000Z-77ab90c4"
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQUEST: Final = "9f2c7c0e5d1b4a6f8e3d2c1b0a998877"
KETTLE: Final[RecommendedItem] = {
    "item_id": "i0011",
    "position": 1,
    "score": 0.83,
    "source": "similar",
    "because": ("i0007",),
    "title": "Red kettle",
    "category": "kitchen",
    "price": 39.9,
}
PAN: Final[RecommendedItem] = {
    "item_id": "i0023",
    "position": 2,
    "score": 1.92,
    "source": "ranked:als",
    "because": ("i0003", "i0007"),
    "title": "Iron pan",
    "category": "kitchen",
    "price": 24.5,
}
ANSWER: Final[Answer] = {
    "request_id": REQUEST,
    "site": SITE,
    "user_id": "u00042",
    "release_id": RELEASE,
    "arm": "live",
    "items": [KETTLE, PAN],
}
CONTINUED: Final[Answer] = {
    **ANSWER,
    "user_id": None,
    "items": [{**KETTLE, "score": 1.21, "source": "session_neighbours"}, {**PAN, "source": "similar", "score": 0.83}],
    "model_version": "77ab90c45f0c1d2e",
}
ALSO: Final[Answer] = {**ANSWER, "user_id": "u00043", "request_id": f"{REQUEST}.2", "items": [{**PAN, "position": 1}]}
LISTED: Final[ItemList] = {"request_id": REQUEST, "site": SITE, "release_id": RELEASE, "items": [KETTLE]}
MANY: Final[AnswerBatch] = {
    "request_id": REQUEST,
    "site": SITE,
    "answers": [{**ANSWER, "request_id": f"{REQUEST}.1"}, ALSO],
}
SUMMARY: Final = ReleaseSummary(
    release_id=RELEASE, site=SITE, state="live", as_of=NOON - timedelta(hours=10), created_at=NOON - timedelta(hours=9),
    activated_at=NOON, reason="ndcg@10 is 3.1 % above the live release", published=True,
)  # fmt: skip
LIVE: Final = LiveRelease(site=SITE, release_id=RELEASE, previous=BEFORE, activated_at=NOON)
CHANGE: Final = ReleaseChange(
    site=SITE, release_id=RELEASE, changed_at=NOON, changed_by="key shop-admin, from 10.0.0.7", action="activate",
    state_then="gated", state_after="live", reason="the sale begins",
)  # fmt: skip
DIFFERENCE: Final = ReleaseDifference(
    site=SITE, release_id=RELEASE, other=BEFORE,
    configuration={"windows.label_days": Changed(other=14, this=7)},
    data={"as_of": Changed(other="2026-03-01T00:00:00Z", this="2026-03-01T02:00:00Z")},
    files={"catboost_model.cbm": Changed(other="0c5d…", this="9e11…")},
    metrics={"ranked.ndcg@10": Changed(other=0.131, this=0.135)},
    overlap=SlateOverlap(users=500, first_10=0.82, same_first=0.74),
)  # fmt: skip
VIEW: Final = Interaction(
    event_id="e-1", timestamp=NOON, user_id="u00042", item_id="i0007", event_type="view", request_id=REQUEST
)
SHOP: Final = SiteSummary(
    site=SITE,
    title="Demo shop",
    event_types=("view", "cart", "purchase"),
    purchase_event="purchase",
    exclude_bought=True,
)
RUNNING: Final = ExperimentRecord(
    experiment=Experiment(
        id=EXPERIMENT, site=SITE, arms=(Arm(name="live", share=0.5), Arm(name="fresh", share=0.5, release_id=RELEASE))
    ),
    state="running", ramp=0.05, started_at=NOON - timedelta(hours=30), looked_at=NOON, ended_at=None,
    reason="fresh: ctr differs by -3.1% to +9.8%: not sure yet.", decisions=(),
)  # fmt: skip
BEGUN: Final = ExperimentChange(
    changed_at=NOON - timedelta(hours=30),
    changed_by="key shop-admin, from 10.0.0.7",
    action="start",
    ramp=0.01,
    reason="",
)
ENDED: Final = {"ended_at": NOON, "state": "aborted", "reason": "It was aborted."}

ANSWERS: Final[Mapping[str, Any]] = {
    "GET /v1/sites": [SHOP],
    "GET /v1/{site}/recommendations": ANSWER,
    "POST /v1/{site}/recommendations": ANSWER,
    "POST /v1/{site}/recommendations/batch": MANY,
    "GET /v1/{site}/session": CONTINUED,
    "GET /v1/{site}/items": [ItemFacts(item_id="i0011", title="Red kettle", category="kitchen", price=39.9)],
    "GET /v1/{site}/items/{item_id}/similar": LISTED,
    "GET /v1/{site}/popular": {**LISTED, "items": [{**KETTLE, "source": "popular", "because": ()}]},
    "GET /v1/{site}/intent": IntentPrediction(purchase_probability=0.31, model_version="5f0c1d2e77ab90c4"),
    "POST /v1/{site}/ctr": ClickPredictions(
        predictions=(ClickPrediction(click_probability=0.042),), model_version="9e110c5d5f0c1d2e"
    ),
    "POST /v1/{site}/events": EventsAccepted(accepted=1, duplicates=1, event_ids=("e-1", "e-2")),
    "GET /v1/{site}/users": ["u00042", "u00043"],
    "GET /v1/{site}/users/{user_id}/events": [VIEW],
    "DELETE /v1/{site}/users/{user_id}": Erased(user_id="u00042", events=12, impressions=3, slates=2),
    "GET /v1/{site}/releases": ReleaseList(site=SITE, live=LIVE, releases=(SUMMARY,), pointers=(LIVE,)),
    "GET /v1/{site}/releases/audit": ReleaseChanges(site=SITE, changes=(CHANGE,)),
    "GET /v1/{site}/releases/{release_id}": {"release_id": RELEASE, "state": "live", "manifest": {}, "report": {}},
    "GET /v1/{site}/releases/{release_id}/diff": DIFFERENCE,
    "POST /v1/{site}/releases/rollback": LIVE.model_copy(update={"release_id": BEFORE, "previous": None}),
    "POST /v1/{site}/releases/{release_id}/activate": LIVE,
    "POST /v1/{site}/releases/{release_id}/canary": SUMMARY.model_copy(update={"state": "canary"}),
    "POST /v1/{site}/releases/{release_id}/retire": SUMMARY.model_copy(update={"state": "retired"}),
    "GET /v1/{site}/experiments": ExperimentList(site=SITE, experiments=(RUNNING,)),
    "POST /v1/{site}/experiments": RUNNING,
    "GET /v1/{site}/experiments/{experiment_id}": ExperimentHistory(record=RUNNING, history=(BEGUN,)),
    "POST /v1/{site}/experiments/{experiment_id}/promote": RUNNING.model_copy(update=ENDED | {"state": "promoted"}),
    "POST /v1/{site}/experiments/{experiment_id}/abort": RUNNING.model_copy(update=ENDED),
    "GET /health/live": {"status": "alive"},
    "GET /health/ready": Readiness(ready=True, postgres=True, migrated=True, live_releases={SITE: RELEASE}),
}
"""Of each operation that answers JSON, by method and path."""


def install(app: FastAPI) -> None:
    """The app's document has the examples."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        document = describe()
        for operation, answer in ANSWERS.items():
            method, path = operation.split()
            for status, response in document["paths"][path][method.lower()]["responses"].items():
                if status.startswith("2"):
                    response["content"]["application/json"]["example"] = _as_json(answer)
        return document

    app.openapi = described  # type: ignore[method-assign]


def _as_json(answer: Any) -> Any:
    return answer.model_dump(mode="json") if isinstance(answer, BaseModel) else to_jsonable_python(answer)
