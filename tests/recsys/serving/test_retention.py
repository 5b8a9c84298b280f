from datetime import timedelta

from recsys.serving.contracts import LiveRelease, ReleaseSummary
from recsys.serving.retention import outdated
from recsys.testing.small_release import NOON, SITE

NOW = NOON + timedelta(days=100)
GRACE = timedelta(days=1)


def release(name, state, *, days_old, surface="recommendations"):
    made = NOW - timedelta(days=days_old)
    return ReleaseSummary(
        release_id=name, site=SITE, state=state, as_of=NOON, created_at=made, surface=surface, published=True
    )


def gone(*known, live=None, previous=None, keep=2, days=90):
    pointers = [LiveRelease(site=SITE, release_id=live, previous=previous, activated_at=NOON)] if live else []
    return outdated(known, pointers, keep=keep, days=days, grace=GRACE, now=NOW)


def test_the_newest_of_each_kind_are_kept():
    served = [release(f"r{day}", "retired", days_old=day) for day in (1, 2, 3)]
    refused = [release(f"no{day}", "refused", days_old=day) for day in (1, 2, 3)]
    assert gone(*served, *refused) == {
        "r3": "retired; not among the newest 2 that can be served",
        "no3": "refused; not among the newest 2 that were not served",
    }


def test_what_is_old_goes_whatever_the_number():
    assert gone(release("r1", "retired", days_old=91)) == {"r1": "retired; older than 90 days"}


def test_the_live_one_its_predecessor_and_canaries_stay_whatever_their_age():
    known = [
        release("new", "retired", days_old=1),
        release("newer", "retired", days_old=2),
        release("canary", "canary", days_old=95),
        release("live", "live", days_old=96),
        release("before", "retired", days_old=97),
        release("old", "retired", days_old=98),
    ]
    assert set(gone(*known, live="live", previous="before")) == {"old"}


def test_what_is_being_made_has_time_and_what_was_abandoned_has_not():
    young = [release(f"young{n}", state, days_old=0.5) for n, state in enumerate(["building", "gated", "failed"] * 2)]
    assert gone(*young) == {}
    assert set(gone(*[release(f"b{day}", "building", days_old=day) for day in (2, 3, 4)])) == {"b4"}


def test_surfaces_are_counted_apart():
    known = [release(f"r{n}", "retired", days_old=n) for n in (1, 2)]
    known += [release(f"i{n}", "retired", days_old=n, surface="intent") for n in (3, 4)]
    assert gone(*known) == {}
