"""What a release would earn is told before anybody sees it, and lies where the truth is known to lie."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.errors import NotEnoughData
from recsys.releases import files as f
from recsys.serving.files import RECOMMENDATIONS
from recsys.serving.postgres import transaction
from recsys.stages import estimate_release
from recsys.stages.context import StageContext
from recsys.stages.going_live import start_canary
from tests.recsys.stages.conftest import SITE

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
USERS = 3000
SHARE = 0.2
"Of the users, who are shown the good item by chance; the others are shown the plain one."
CLICKS = {"plain": 0.1, "good": 0.4}


@pytest.fixture
def context(unvisited) -> StageContext:
    return unvisited


def release(context: StageContext, name: str, first: list[str], propensities: list[float] | None = None) -> None:
    """A release that shows each user one item, and then what is certain."""
    slates = pl.DataFrame(
        [
            [f"u{user}", [item, "last"], [2.0, 1.0], ["ranked:x"] * 2, [[]] * 2, [], [], []]
            for user, item in enumerate(first)
        ],
        schema=RECOMMENDATIONS,
        orient="row",
    )
    if propensities is not None:
        slates = slates.with_columns(pl.Series(c.PROPENSITIES, [[chance, 1.0] for chance in propensities]))
    f.ReleaseFiles(context.blobs, SITE, name).put_frame(f.RECOMMENDATIONS, slates)
    with transaction(context.dsn) as cursor:
        cursor.execute(
            "INSERT INTO recsys.release (site, release_id, state, as_of, created_at, published) "
            "VALUES (%s, %s, 'gated', %s, %s, true)",
            (SITE, name, NOON, NOON),
        )


def go_live(context: StageContext, name: str) -> None:
    with transaction(context.dsn) as cursor:
        cursor.execute(
            "INSERT INTO recsys.live_release (site, surface, release_id, activated_at) "
            "VALUES (%s, 'recommendations', %s, now() - interval '2 hours')",
            (SITE, name),
        )


def visits(context: StageContext, shown: list[str], rng: np.random.Generator) -> None:
    """Everybody saw the slate an hour ago, and clicked the first item by its chance."""
    clicked = rng.random(len(shown)) < [CLICKS[item] for item in shown]
    with transaction(context.dsn) as cursor:
        cursor.executemany(
            "INSERT INTO recsys.impression (site, request_id, user_id, release_id, arm, item_ids, sources, served_at) "
            "VALUES (%s, %s, %s, 'live', 'live', %s, '{}', now() - interval '1 hour')",
            [(SITE, f"r{user}", f"u{user}", [item, "last"]) for user, item in enumerate(shown)],
        )
        cursor.executemany(
            'INSERT INTO recsys.event (site, event_id, user_id, item_id, event_type, "timestamp", request_id) '
            "VALUES (%s, %s, %s, %s, 'view', now() - interval '59 minutes', %s)",
            [
                (SITE, f"e{user}", f"u{user}", item, f"r{user}")
                for user, (item, click) in enumerate(zip(shown, clicked, strict=True))
                if click
            ],
        )


def test_the_truth_lies_in_the_interval_of_every_estimator(context):
    rng = np.random.default_rng(3)
    drawn = rng.random(USERS) < SHARE
    shown = ["good" if by_chance else "plain" for by_chance in drawn]
    release(context, "live", shown, [SHARE if by_chance else 1 - SHARE for by_chance in drawn])
    release(context, "better", ["good"] * USERS)
    release(context, "same", ["plain"] * USERS)
    go_live(context, "live")
    visits(context, shown, rng)
    better = estimate_release.run(site=SITE, release_id="better", context=context)
    assert (better.places, better.live_id) == (USERS, "live")
    assert better.shared == pytest.approx(SHARE, abs=0.03)
    assert set(better.estimates) == {"ips", "snips", "dr"}
    for name, estimate in better.estimates.items():
        assert estimate.interval is not None
        assert estimate.interval.low < CLICKS["good"] < estimate.interval.high, name
        assert estimate.interval.low > better.live_ctr
    same = estimate_release.run(site=SITE, release_id="same", context=context)
    for estimate in same.estimates.values():
        assert estimate.interval is not None
        assert estimate.interval.low < CLICKS["plain"] < estimate.interval.high


def test_a_canary_is_estimated_before_it_starts(context):
    chances = [SHARE if user % 5 == 0 else 1 - SHARE for user in range(100)]
    shown = ["good" if user % 5 == 0 else "plain" for user in range(100)]
    release(context, "live", shown, chances)
    release(context, "better", ["good"] * 100)
    go_live(context, "live")
    visits(context, shown, np.random.default_rng(1))
    start_canary(context, SITE, "better", by="a test", reason="")
    kept = context.blobs.get(f"experiments/{SITE}/canary-better/off_policy.json")
    assert estimate_release.ReleaseEstimate.model_validate_json(kept).places == 100


def test_of_what_is_never_shown_nothing_is_said(context):
    release(context, "live", ["plain"] * 5)
    release(context, "other", ["good"] * 5)
    with pytest.raises(NotEnoughData, match="found no live release"):
        estimate_release.run(site=SITE, release_id="other", context=context)
    go_live(context, "live")
    with pytest.raises(NotEnoughData, match="found no propensity below 1"):
        estimate_release.run(site=SITE, release_id="other", context=context)
