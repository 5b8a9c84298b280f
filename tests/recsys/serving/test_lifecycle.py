import select
from datetime import timedelta

import psycopg2
import pytest

from recsys.errors import ReleaseError, UnknownReleaseError
from recsys.serving.audit import changes
from recsys.serving.lifecycle import (
    CHANNEL,
    MOVES,
    activate,
    decline,
    fail,
    live_release,
    record_release,
    release_report,
    releases,
    rollback,
    start_canary,
)
from recsys.serving.postgres import transaction
from recsys.testing.small_release import NOON, SITE

STATES = sorted(MOVES)


def record(dsn, release_id="r1", **more):
    return record_release(dsn, SITE, release_id, as_of=NOON, at=NOON, **more)


def state_of(dsn, release_id="r1"):
    return next(release.state for release in releases(dsn, SITE) if release.release_id == release_id)


def test_a_release_is_recorded_with_what_is_known_of_it(dsn):
    assert record(dsn, report={"ndcg@10": 0.1}, reason="first") == "building"
    (release,) = releases(dsn, SITE)
    assert (release.release_id, release.state, release.as_of, release.reason) == ("r1", "building", NOON, "first")
    assert release_report(dsn, SITE, "r1") == {"ndcg@10": 0.1}
    assert releases(dsn, "other_site") == []


def test_recording_again_describes_anew_what_is_being_made_and_leaves_what_was_judged(dsn, published):
    record(dsn)
    assert record(dsn, state="gated", reason="better") == "gated"
    live = published(live=True)
    assert record(dsn, live, reason="again") == "live"
    assert {r.release_id: r.reason for r in releases(dsn, SITE)} == {"r1": "better", live: ""}


def test_what_waits_for_approval_is_not_built_again(dsn, published):
    waiting = published()
    assert record(dsn, waiting) == "gated"
    assert record(dsn, waiting, state="gated", reason="judged again") == "gated"
    assert releases(dsn, SITE)[0].reason == "judged again"


def test_an_id_belongs_to_one_site(dsn):
    record(dsn)
    with pytest.raises(UnknownReleaseError, match="'other' has no release 'r1'"):
        record_release(dsn, "other", "r1", as_of=NOON, at=NOON)


@pytest.mark.parametrize(
    ("found", "after"), [(state, "failed" if "failed" in MOVES[state] else state) for state in STATES]
)
def test_what_is_being_made_can_fail_and_what_was_judged_cannot(dsn, published, found, after):
    release_id = in_state(dsn, published, found)
    assert fail(dsn, SITE, release_id, "StoreError: away", by="stage train_ranker") == after
    assert state_of(dsn, release_id) == after
    if after == "failed":
        assert releases(dsn, SITE)[0].reason == "StoreError: away"
        assert record(dsn, release_id) == "building"


@pytest.mark.parametrize("found", STATES)
def test_only_a_gated_release_becomes_a_canary(dsn, published, found):
    release_id = in_state(dsn, published, found)
    if found in ("gated", "canary"):
        start_canary(dsn, SITE, release_id)
        assert state_of(dsn, release_id) == "canary"
        assert activate(dsn, SITE, release_id, NOON).release_id == release_id
    else:
        with pytest.raises(ReleaseError):
            start_canary(dsn, SITE, release_id)
        assert state_of(dsn, release_id) == found


def in_state(dsn, published, state):
    """A release that came into the state by the ways there are; only one that was gated has rows."""
    if state in ("building", "refused", "failed"):
        record(dsn, state=state)
        return "r1"
    release_id = published(live=state in ("live", "retired"))
    if state == "canary":
        start_canary(dsn, SITE, release_id)
    if state == "retired":
        published(live=True)
    return release_id


def test_a_declined_release_waits_on_and_says_why(dsn, published):
    release_id = published()
    decline(dsn, SITE, release_id, "nobody approved it within 24 hours")
    assert (state_of(dsn, release_id), releases(dsn, SITE)[0].reason) == ("gated", "nobody approved it within 24 hours")
    activate(dsn, SITE, release_id, NOON)
    with pytest.raises(ReleaseError, match="found it live"):
        decline(dsn, SITE, release_id, "too late")


def test_each_surface_has_a_live_release_of_its_own(dsn, published):
    slates = published(live=True)
    record(dsn, "intent-1", state="gated", surface="intent")
    with transaction(dsn) as cursor:
        cursor.execute("UPDATE recsys.release SET published = true WHERE release_id = 'intent-1'")
    live = activate(dsn, SITE, "intent-1", NOON)
    assert (live.surface, live.previous) == ("intent", None)
    assert live_release(dsn, SITE).release_id == slates
    assert live_release(dsn, SITE, "intent") == live
    assert {state_of(dsn, slates), state_of(dsn, "intent-1")} == {"live"}


def test_a_predictor_has_no_canary(dsn):
    record(dsn, "intent-1", state="gated", surface="intent")
    with pytest.raises(ReleaseError, match="found one of intent, expected one of recommendations"):
        start_canary(dsn, SITE, "intent-1")
    assert state_of(dsn, "intent-1") == "gated"


def test_every_change_is_in_the_audit_with_who_and_why(dsn, published):
    first, second = published(live=True), published()
    activate(dsn, SITE, second, NOON, by="key admin", reason="better titles")
    rollback(dsn, SITE, NOON, by="user anna", reason="complaints")
    told = [(each.release_id, each.changed_by, each.action, each.state_then, each.state_after, each.reason)
            for each in changes(dsn, SITE, limit=4)]  # fmt: skip
    assert told == [
        (first, "user anna", "rollback", "retired", "live", "complaints"),
        (second, "user anna", "rollback", "live", "retired", f"rolled back to {first}: complaints"),
        (first, "key admin", "activate", "live", "retired", f"{second} took its place: better titles"),
        (second, "key admin", "activate", "gated", "live", "better titles"),
    ]
    assert [each.action for each in changes(dsn, SITE, release_id=first)][::-1] == [
        "record", "publish", "activate", "activate", "rollback",
    ]  # fmt: skip


def test_a_change_that_is_refused_leaves_no_line(dsn, published):
    published(live=True)
    before = changes(dsn, SITE)
    with pytest.raises(ReleaseError):
        rollback(dsn, SITE, NOON)
    assert changes(dsn, SITE) == before


def test_activating_moves_the_pointer_and_retires_the_one_before(dsn, published):
    first, second = published(live=True), published()
    later = NOON + timedelta(days=1)
    live = activate(dsn, SITE, second, later)
    assert (live.release_id, live.previous, live.activated_at) == (second, first, later)
    assert live_release(dsn, SITE) == live
    assert (state_of(dsn, first), state_of(dsn, second)) == ("retired", "live")
    assert activate(dsn, SITE, second, NOON + timedelta(days=2)) == live


def test_rolling_back_walks_back_one_release_at_a_time(dsn, published):
    first, second, third = (published(live=True) for _ in range(3))
    assert rollback(dsn, SITE, NOON).release_id == second
    back = rollback(dsn, SITE, NOON)
    assert (back.release_id, back.previous) == (first, None)
    assert [state_of(dsn, release) for release in (first, second, third)] == ["live", "retired", "retired"]
    assert activate(dsn, SITE, third, NOON + timedelta(days=9)).previous == first


def test_nothing_to_roll_back(dsn, published):
    with pytest.raises(ReleaseError, match="no live release"):
        rollback(dsn, SITE, NOON)
    published(live=True)
    with pytest.raises(ReleaseError, match="no earlier release"):
        rollback(dsn, SITE, NOON)


def test_a_refused_release_never_goes_live(dsn):
    record(dsn, state="refused")
    with pytest.raises(ReleaseError):
        activate(dsn, SITE, "r1", NOON)
    assert live_release(dsn, SITE) is None


def test_listeners_hear_of_a_move(dsn, published):
    release = published()
    listening = psycopg2.connect(dsn)
    try:
        listening.autocommit = True
        listening.cursor().execute(f"LISTEN {CHANNEL}")
        activate(dsn, SITE, release, NOON)
        assert select.select([listening], [], [], 5)[0]
        listening.poll()
        assert [(notice.channel, notice.payload) for notice in listening.notifies] == [(CHANNEL, SITE)]
    finally:
        listening.close()
