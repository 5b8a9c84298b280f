"""Which releases of a site need not be kept any longer, and why."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from recsys.serving.contracts import LiveRelease, ReleaseSummary, State
from recsys.types import ReleaseId

UNSERVED: Final[tuple[State, ...]] = ("building", "refused", "failed")
"""States of a release that cannot be served; counted apart, so that many refused ones push no good one out."""
WAITING: Final[tuple[State, ...]] = ("building", "gated", "failed")
"""States of a release that something may still be done with."""


def outdated(
    known: Sequence[ReleaseSummary],
    pointers: Collection[LiveRelease],
    *,
    keep: int,
    days: int,
    grace: timedelta,
    now: datetime,
) -> dict[ReleaseId, str]:
    """Releases that are not kept, with the reason.

    Kept whatever their age and number: what is live, the release before it, and canaries; what is being made, or waits
    for approval, for ``grace``. Of the others, the ``keep`` newest that can be served and the ``keep`` newest that
    cannot, each for its surface, as long as they are not older than ``days``.

    Args:
        known: the site's releases, newest first.
        pointers: what is live, for each surface.
        keep: how many of a kind.
        days: since the release was made.
        grace: how long a release may be in the making.
        now: the moment, with a time zone.
    """
    pointed = {release_id for live in pointers for release_id in (live.release_id, live.previous)}
    found: dict[ReleaseId, str] = {}
    counted: dict[tuple[str, bool], int] = {}
    for release in known:
        kind = (release.surface, release.state in UNSERVED)
        place = counted[kind] = counted.get(kind, 0) + 1
        age = now - release.created_at
        if release.release_id in pointed or release.state == "canary":
            continue
        if release.state in WAITING and age < grace:
            continue
        if place > keep:
            what = "that were not served" if kind[1] else "that can be served"
            found[release.release_id] = f"{release.state}; not among the newest {keep} {what}"
        elif age > timedelta(days=days):
            found[release.release_id] = f"{release.state}; older than {days} days"
    return found
