import select
from datetime import timedelta

import psycopg2
import pytest

from recsys.errors import ReleaseError, UnknownReleaseError
from recsys.serving.lifecycle import (
    CHANNEL,
    MOVES,
    activate,
    live_release,
    record_release,
    release_report,
    releases,
    rollback,
    set_state,
)
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


def test_an_id_belongs_to_one_site(dsn):
    record(dsn)
    with pytest.raises(UnknownReleaseError, match="'other' has no release 'r1'"):
        record_release(dsn, "other", "r1", as_of=NOON, at=NOON)


@pytest.mark.parametrize("found", ["building", "gated", "failed", "refused"])
@pytest.mark.parametrize("asked", STATES)
def test_only_the_moves_of_the_picture_are_made(dsn, found, asked):
    record(dsn, state=found)
    if asked == found or (asked in MOVES[found] and asked != "live"):
        set_state(dsn, SITE, "r1", asked, reason="because")
        assert state_of(dsn) == asked
    else:
        with pytest.raises(ReleaseError, match=f"found state {found}, asked for {asked}"):
            set_state(dsn, SITE, "r1", asked)
        assert state_of(dsn) == found


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


def test_a_release_goes_live_only_by_the_pointer(dsn, published):
    live = published(live=True)
    with pytest.raises(ReleaseError, match="moving the pointer"):
        set_state(dsn, SITE, live, "retired")


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
