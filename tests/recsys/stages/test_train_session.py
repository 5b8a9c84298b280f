"""Next items from a log whose transitions are known: through the gate, into Postgres, to the answer over HTTP."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
import yaml

from recsys.errors import TableRefused
from recsys.predictors.session import cases_of, judge_sessions
from recsys.releases import files as f
from recsys.serving import lifecycle, publishing
from recsys.serving.continuing.model import NextItems
from recsys.serving.files import FILES
from recsys.serving.postgres import transaction
from recsys.stages import change_release, ingest_events, train_predictor
from tests.recsys.stages.conftest import SITE, YAML
from tests.web_service.conftest import as_web, running, until

FIRST = date(2026, 3, 1)
AS_OF = datetime.fromisoformat("2026-03-11T00:00:00Z")
ITEMS = [f"p{number:02}" for number in range(20)]
CHANCES = (0.55, 0.3, 0.15)
"""Each item is followed by one of the three after it on a circle."""
LAST_ITEM = {"window": 1, "backward": 0.0, "popularity_power": 0.0, "shrinkage": 0.0, "position_decay": 0.0}


def walks(count, *, rng, chances=CHANCES):
    """Sessions of six items; without ``chances`` whatever item follows."""
    found = []
    for _ in range(count):
        steps = rng.integers(20, size=5) if chances is None else 1 + rng.choice(len(chances), size=5, p=chances)
        found.append([ITEMS[at] for at in np.cumsum([rng.integers(20), *steps]) % 20])
    return found


def tell(context, sessions):
    """The web service was told of these sessions, evenly over ten days, each of another visitor."""
    gap = timedelta(days=10) / len(sessions)
    start = datetime.fromisoformat("2026-03-01T00:00:00Z")
    rows = [
        (f"{n:05}-{step}", f"visitor-{n:05}", item, start + n * gap + timedelta(seconds=step), f"s{n:05}")
        for n, session in enumerate(sessions)
        for step, item in enumerate(session)
    ]
    with transaction(context.dsn) as cursor:
        cursor.execute(
            'INSERT INTO recsys.event (site, event_id, user_id, item_id, event_type, "timestamp", session_id) '
            "SELECT %s, event_id, user_id, item_id, 'view', at, session_id FROM unnest(%s::text[], %s::text[], "
            "%s::text[], %s::timestamptz[], %s::text[]) AS told (event_id, user_id, item_id, at, session_id)",
            (SITE, *(list(column) for column in zip(*rows, strict=True))),
        )
    ingest_events.run(site=SITE, first=FIRST, days=10, context=context)


def open_shop(context, **session):
    """A shop that asks for next items; one simulated customer beside the visitors."""
    site = yaml.safe_load(YAML.format(site=SITE))
    site["source"]["params"] = {"seed": 11, "users": 1, "items": 10}
    site["predictors"] = {"session": {"kind": "followers", "params": LAST_ITEM, **session}}
    (context.settings.sites_dir / f"{SITE}.yaml").write_text(yaml.safe_dump(site))


def train(context):
    return train_predictor.run(site=SITE, surface="session", as_of=AS_OF, context=context)


def publish_catalogue(context, folder):
    """A release of recommendations that knows the items, and nothing else."""
    rows = {name: [] for name in FILES}
    rows["items.parquet"] = [[item, item, None, None, True] for item in ITEMS]
    for name, content in rows.items():
        pl.DataFrame(content, schema=FILES[name], orient="row").write_parquet(folder / name)
    dsn, counts = context.dsn, {name: len(content) for name, content in rows.items()}
    publishing.record_release(dsn, SITE, "catalogue", as_of=AS_OF, at=AS_OF, state="gated")
    publishing.publish(dsn, SITE, "catalogue", folder, counts)
    publishing.activate(dsn, SITE, "catalogue", AS_OF)


@pytest.fixture(scope="module")
def sessions():
    return walks(2500, rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def shop(make_context, sessions):
    context = make_context()
    open_shop(context)
    tell(context, sessions)
    return context


@pytest.fixture(scope="module")
def trained(shop):
    return train(shop)


@pytest.fixture(scope="module")
def client(shop, trained, tmp_path_factory):
    """The web service, once it has the model."""
    publish_catalogue(shop, tmp_path_factory.mktemp("catalogue"))
    home = tmp_path_factory.mktemp("home")
    with running(as_web(shop.settings.model_copy(update={"recsys_home": home}))) as client:
        until(lambda: ask(client, "p00").get("model_version") == trained.model_version)
        yield client


def ask(client, *items, **wish):
    return client.get(f"/v1/{SITE}/session", params={"items": list(items), **wish}).json()


def ids(answer):
    return [item["item_id"] for item in answer["items"]]


def test_what_surely_beats_popularity_goes_live_with_the_figures_of_all(shop, trained):
    assert trained.state == "live", trained.decision.reason
    assert "above that of popularity" in trained.decision.reason
    assert set(trained.quality) == {"model", "popularity", "last item", "V-SKNN", "STAN"}
    model, popularity = trained.quality["model"], trained.quality["popularity"]
    assert model.mrr > 2 * popularity.mrr
    assert model.found_among[:3] == pytest.approx(np.cumsum(CHANCES), abs=0.05)
    assert model.found_among[-1] == model.hit_rate
    assert lifecycle.live_release(shop.dsn, SITE, "session").release_id == trained.release_id
    assert lifecycle.live_release(shop.dsn, SITE) is None
    assert (
        f.ReleaseFiles(shop.blobs, SITE, trained.release_id).get_json(f.REPORT)["quality"]["model"]["mrr"] == model.mrr
    )


def test_the_run_in_mlflow_has_every_contestant_and_their_curves(shop, trained):
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=shop.tracking_uri)
    run = client.get_run(trained.mlflow_run_id)
    assert run.data.tags["surface"] == "session"
    assert run.data.params["kind"] == "followers"
    for name in ("model", "popularity", "last_item", "V-SKNN", "STAN"):
        assert {f"{name}.{each}" for each in ("mrr", "hit_rate", "coverage", "popularity_bias")} <= set(
            run.data.metrics
        )
    assert "hit_rate.png" in {each.path for each in client.list_artifacts(trained.mlflow_run_id)}


def test_the_most_likely_next_item_is_first_over_http(client):
    for n, item in enumerate(ITEMS):
        answer = ask(client, item, k=3)
        assert ids(answer) == [ITEMS[(n + step) % 20] for step in (1, 2, 3)]
        assert {each["source"] for each in answer["items"]} == {"session_followers"}
        assert {tuple(each["because"]) for each in answer["items"]} == {(item,)}
    assert ids(ask(client, "p07", "never seen", k=3)) == ids(ask(client, "p07", k=3))


def test_what_was_judged_offline_is_what_is_answered(client, shop, trained, sessions, tmp_path):
    f.ReleaseFiles(shop.blobs, SITE, trained.release_id).get_folder("model", tmp_path)
    model = NextItems.load(tmp_path)
    cases = cases_of(sessions[-40:], repeats=False)
    judged = judge_sessions(model, cases, popularity=dict.fromkeys(ITEMS, 1), repeats=False)
    answers = [ids(ask(client, *case.session, k=20)) for case in cases]
    offline = [[each.item_id for each in model.continue_session(case.session, k=20)] for case in cases]
    assert [answer[: len(said)] for answer, said in zip(answers, offline, strict=True)] == offline
    assert all(offline)
    found = [
        answer.index(case.truth) + 1 if case.truth in said else 0
        for answer, said, case in zip(answers, offline, cases, strict=True)
    ]
    assert found == judged.ranks.tolist()


def test_trained_again_it_is_the_same_release_and_no_worse_than_itself(shop, trained):
    assert train(shop).unchanged
    shop.blobs.delete(f"trainings/{SITE}/session.json")
    again = train(shop)
    assert (again.release_id, again.state, again.unchanged) == (trained.release_id, "live", False)
    assert again.decision.against["live"].mean == 0


def test_a_shuffled_log_is_refused(make_context):
    context = make_context()
    open_shop(context)
    tell(context, walks(2500, rng=np.random.default_rng(2), chances=None))
    report = train(context)
    assert report.state == "refused"
    assert "popularity" in report.decision.reason
    assert lifecycle.live_release(context.dsn, SITE, "session") is None


def test_sessions_that_are_not_what_the_site_expects_train_nothing(shop):
    before = lifecycle.releases(shop.dsn, SITE)
    open_shop(shop, checks={"items_per_session": {"min": 8.0}})
    with pytest.raises(TableRefused, match="items_per_session"):
        train(shop)
    assert lifecycle.releases(shop.dsn, SITE) == before


def test_what_is_surely_worse_than_the_live_one_is_refused_and_a_better_one_rolls_back(shop, trained):
    open_shop(shop, kind="neighbours", params={"neighbours": 1})
    worse = train(shop)
    assert worse.state == "refused"
    assert worse.decision.against["live"].high < 0
    open_shop(shop, kind="followers", params={**LAST_ITEM, "position_decay": 0.01})
    second = train(shop)
    assert second.state == "live", second.decision.reason
    rolled = change_release.roll_back(site=SITE, surface="session", context=shop)
    assert rolled.release_id == trained.release_id
