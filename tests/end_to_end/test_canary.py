"""Accepted releases are tried on some users by the DAG: a worse one is aborted, a better one goes live, untouched.

Simulated customers visit the real service meanwhile; it is killed in the middle. The worth of every release is known:
one shows what is popular, one what its users like least, one what they like best.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import polars as pl
import psutil
import pytest

from recsys import columns as c
from recsys.events.simulator import Shop, ShopParams
from recsys.layout import Settings
from recsys.local import leftovers
from recsys.local.airflow_api import AirflowApi
from recsys.local.visiting import Tour, VisitReport
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.serving import experiments, publishing
from recsys.serving.experiments import ExperimentRecord
from recsys.serving.files import FILES
from recsys.serving.lifecycle import activate, live_release, releases
from recsys.sites import load_site
from recsys.stages import publish_release
from recsys.stages.context import StageContext, open_context
from tests.end_to_end.conftest import far_schedule, until

pytestmark = [pytest.mark.platform, pytest.mark.timeout(1800)]

SITE = "e2e_canary"
PARAMS = {"seed": 9, "users": 400, "items": 150}
YAML = """
site: e2e_canary
source: {kind: simulator, params: {seed: 9, users: 400, items: 150}}
interactions:
  - {name: view, weight: 1.0}
  - {name: cart, weight: 3.0}
  - {name: purchase, weight: 5.0}
serving: {exclude_bought: false}
canary:
  {enabled: true, ramp: [0.4999], min_hours: 0, min_users: 60, min_lift: 0.0, expected_lift: 0.5, expected_harm: 1.0}
"""
DAG = f"judge_experiments__{SITE}"
SLATE = 20
MOST_TOURS = 8
"Far more than are needed: the truth of each arm is known, and lies far off."


def today() -> date:
    return datetime.now(UTC).date()


def write_release(folder: Path, slates: dict[str, list[str]], shop: Shop) -> dict[str, int]:
    """The files of a release with these slates; popular items are the first of the catalogue, nothing is similar."""
    catalogue = shop.catalogue(today()).filter(pl.col(c.AVAILABLE))
    popular = catalogue[c.ITEM_ID].head(100).to_list()
    scores = [float(SLATE - place) for place in range(SLATE)]
    rows = {
        f.ITEMS: [[item, "", "all", 1.0, True] for item in catalogue[c.ITEM_ID]],
        f.SIMILAR: [],
        f.TOP_POPULAR: [["", item, 100.0 - place, place + 1] for place, item in enumerate(popular)],
        f.RECOMMENDATIONS: [
            [user, items, scores, ["ranked:known"] * SLATE, [[]] * SLATE, [], [], []] for user, items in slates.items()
        ],
    }
    folder.mkdir(parents=True)
    for name, content in rows.items():
        pl.DataFrame(content, schema=FILES[name], orient="row").write_parquet(folder / name)
    return {name: len(content) for name, content in rows.items()}


def publish(context: StageContext, name: str, folder: Path, rows: dict[str, int], *, as_of: datetime) -> None:
    """A release that the gate accepted: files on the object store, rows in Postgres."""
    store = f.ReleaseFiles(context.blobs, SITE, name)
    known = {"data_hash": "0", "partitions": 0, "config_hash": "0", "code_version": "0", "feature_hash": "0", "seed": 0}
    manifest = ReleaseManifest(release_id=name, site=SITE, as_of=as_of, **known).with_files(
        {each: {**store.put_bytes(each, (folder / each).read_bytes()), "rows": count} for each, count in rows.items()}
        | {each: store.put_bytes(each, b"-") for each in set(f.EXPORTED) - rows.keys() - {f.MANIFEST}}
    )
    content = manifest.model_dump(mode="json")
    store.put_json(f.MANIFEST, content)
    publishing.record_release(context.dsn, SITE, name, as_of=as_of, at=context.now(), state="gated", manifest=content)
    publish_release.run(site=SITE, release_id=name, context=context)


@pytest.fixture(scope="module")
def context(platform: Settings, tmp_path_factory: pytest.TempPathFactory) -> StageContext:
    """A site with popular items live, and two accepted releases that wait; the worst is the newest."""
    platform.sites_dir.mkdir(parents=True, exist_ok=True)
    (platform.sites_dir / f"{SITE}.yaml").write_text(f"{YAML}schedule: {far_schedule()}\n")
    context = open_context(platform)
    shop = Shop(ShopParams.model_validate(PARAMS))
    users, _ = shop.customers(today())
    ranked: dict[str, list[str]] = {user: [] for user in users}
    for user, item, *_ in shop.best_items(users, today(), k=150).iter_rows():
        ranked[user].append(item)
    liked = Counter(item for items in ranked.values() for item in items[:SLATE])
    popular = [item for item, _ in liked.most_common(SLATE)]
    worth = {
        "plain": dict.fromkeys(users, popular),
        "best": {user: items[:SLATE] for user, items in ranked.items()},
        "worst": {user: items[-SLATE:] for user, items in ranked.items()},
    }
    folder = tmp_path_factory.mktemp("canary")
    for age, (name, slates) in enumerate(worth.items()):
        rows = write_release(folder / name, slates, shop)
        publish(context, name, folder / name, rows, as_of=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=age))
    activate(context.dsn, SITE, "plain", context.now())
    return context


@pytest.fixture(scope="module")
def airflow(platform: Settings, context: StageContext) -> Iterator[AirflowApi]:
    with AirflowApi.connect(platform) as api:
        until(lambda: api.dag_ids() >= {DAG}, seconds=300)
        yield api


def look(airflow: AirflowApi) -> None:
    """As the clock does every hour."""
    assert airflow.wait(airflow.trigger(DAG), 600).state == "success"


def visit(platform: Settings, seconds: float, seed: int) -> VisitReport:
    async def tour() -> VisitReport:
        async with httpx.AsyncClient(base_url=platform.web_url, trust_env=False) as client:
            site = load_site(platform.sites_dir, SITE)
            return await Tour(site, client, seed=seed).run(visits_per_second=40, seconds=seconds)

    return asyncio.run(tour())


def visit_until_decided(
    platform: Settings, context: StageContext, airflow: AirflowApi, name: str, *, seconds: float, seed: int
) -> ExperimentRecord:
    """The experiment once it is over; how many visitors that takes is chance, so the DAG looks after each tour."""
    for tour in range(MOST_TOURS):
        visit(platform, seconds, seed=seed + tour)
        look(airflow)
        found = experiments.experiment(context.dsn, SITE, name)
        if found.state != "running":
            break
    return found


def arms(platform: Settings, users: list[str]) -> dict[str, str]:
    with httpx.Client(base_url=platform.web_url, timeout=60) as client:
        return {
            user: client.get(f"/v1/{SITE}/recommendations", params={"user_id": user}).json()["arm"] for user in users
        }


def states(context: StageContext) -> dict[str, str]:
    """Of the three; the site's own clock may have begun a training, too."""
    known = {release.release_id: release.state for release in releases(context.dsn, SITE)}
    return {name: known[name] for name in ("plain", "worst", "best")}


def kill_web(platform: Settings) -> None:
    """Every process of the web service is killed; the platform starts it again."""
    for process in leftovers.find(platform.recsys_home, "web"):
        with suppress(psutil.NoSuchProcess):  # it ended with its parent
            process.send_signal(signal.SIGKILL)
        psutil.wait_procs([process], timeout=60)

    def answers() -> bool:
        try:
            return httpx.get(f"{platform.web_url}/health/ready", timeout=60).status_code == 200
        except httpx.TransportError:
            return False

    until(answers, seconds=300)


def test_a_worse_release_is_aborted_and_a_better_one_goes_live(
    platform: Settings, context: StageContext, airflow: AirflowApi
) -> None:
    look(airflow)
    assert states(context) == {"plain": "live", "worst": "canary", "best": "gated"}
    users = [f"someone-{number}" for number in range(30)]
    until(lambda: len(set(arms(platform, users).values())) == 2, seconds=120)
    before = arms(platform, users)

    first = visit(platform, 15, seed=1)
    assert first.failed < first.visits / 5, first.first_fault  # who comes when the machine stands still may be refused
    assert {shown.release_id for shown in first.shown} == {"plain", "worst"}
    kill_web(platform)
    assert arms(platform, users) == before
    aborted = visit_until_decided(platform, context, airflow, "canary-worst", seconds=10, seed=2)
    assert (aborted.state, states(context)["worst"]) == ("aborted", "retired"), aborted.reason
    assert "ctr" in aborted.reason
    live = live_release(context.dsn, SITE)
    assert live is not None
    assert live.release_id == "plain"

    assert states(context)["best"] == "canary"  # it was the next
    until(lambda: any("canary-best" in arm for arm in arms(platform, users).values()), seconds=120)
    promoted = visit_until_decided(platform, context, airflow, "canary-best", seconds=25, seed=100)
    assert (promoted.state, states(context)) == (
        "promoted",
        {"plain": "retired", "worst": "retired", "best": "live"},
    ), promoted.reason
    changed_by = {change.changed_by for change in experiments.history(context.dsn, SITE, "canary-best").history}
    assert all(name.startswith(f"DAG run {DAG}") for name in changed_by)
