"""How a release comes from one state into the next, and which one is live.

States and the moves between them::

    building ─→ gated ─→ canary ─→ live ⇄ retired
        └─→ refused  └──────────────↗
    failed: from building, gated or canary; a failed or gated release may be built again.
    A gated release or a canary that is put aside is retired.

A site has one live release for each surface: what is answered. A release is made for one surface and stays with it.
Every function is one transaction, with its line in the audit: ``by`` says who, ``reason`` why. Times of a release come
from the caller.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from recsys.errors import ReleaseError
from recsys.serving.audit import LIBRARY, note
from recsys.serving.contracts import RECOMMENDATIONS, LiveRelease, ReleaseSummary, State, Surface
from recsys.serving.known_releases import (
    UNFINISHED,
    known_ids,
    live_release,
    lock_release,
    pointer,
    pointers,
    release_record,
    release_report,
    release_summary,
    releases,
    require_unfinished,
    unfinished_release,
)
from recsys.serving.postgres import Cursor, transaction
from recsys.types import ReleaseId, SiteId

__all__ = [
    "CHANNEL",
    "MOVES",
    "activate",
    "become_canary",
    "decline",
    "fail",
    "fail_abandoned",
    "known_ids",
    "live_release",
    "lock_release",
    "note_removed",
    "pointers",
    "put_aside",
    "record_release",
    "release_record",
    "release_report",
    "release_summary",
    "releases",
    "require_unfinished",
    "rollback",
    "start_canary",
    "unfinished_release",
]

CHANNEL: Final = "recsys_live_release"
"Postgres NOTIFY channel; the payload is the site whose pointer moved."

MOVES: Final[dict[State, frozenset[State]]] = {
    "building": frozenset({"gated", "refused", "failed"}),
    "gated": frozenset({"building", "canary", "live", "retired", "failed"}),
    "canary": frozenset({"live", "retired", "failed"}),
    "live": frozenset({"retired"}),
    "retired": frozenset({"live"}),
    "refused": frozenset(),
    "failed": frozenset({"building"}),
}


def record_release(
    dsn: str,
    site: SiteId,
    release_id: ReleaseId,
    *,
    as_of: datetime,
    at: datetime,
    state: Literal["building", "gated", "refused", "failed"] = "building",
    reason: str = "",
    report: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
    surface: Surface = RECOMMENDATIONS,
    by: str = LIBRARY,
) -> State:
    """The release is known afterwards; returns its state.

    One that is known already and still being made (building, gated, failed) takes the new description; one that was
    judged or served (canary, live, retired, refused) is left as it is, so that a step can be repeated. So is a gated
    one that is published when it would be built again: it waits for approval, or was declined.

    ``as_of`` is the exclusive end of what the release knows, ``at`` is now as the caller sees it, both with a time
    zone; ``report`` (of the evaluation) and ``manifest`` (hashes, row counts) are JSON values.

    Raises:
        ReleaseError: the id belongs to another site.
    """
    described = (state, as_of, reason, json.dumps(dict(report or {})), json.dumps(dict(manifest or {})))
    with transaction(dsn) as cursor:
        cursor.execute(
            "INSERT INTO recsys.release "
            "(release_id, site, surface, created_at, state, as_of, reason, report, manifest) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (release_id) DO NOTHING",
            (release_id, site, surface, at, *described),
        )
        new = cursor.rowcount == 1
        known = lock_release(cursor, site, release_id)
        if known.state not in UNFINISHED or (state == "building" and known.state == "gated" and known.published):
            return known.state
        cursor.execute(
            "UPDATE recsys.release SET state = %s, as_of = %s, reason = %s, report = %s, manifest = %s, "
            "removed_at = NULL WHERE release_id = %s",
            (*described, release_id),
        )
        if new or state != known.state:
            then = None if new else known.state
            note(cursor, site, release_id, "record", then=then, after=state, by=by, reason=reason)
    return state


def fail(dsn: str, site: SiteId, release_id: ReleaseId, reason: str, *, by: str = LIBRARY) -> State:
    """A release that is still being made has failed, for that reason; returns its state.

    One that is live, retired or refused stays as it is: what went wrong was not the making of it.

    Raises:
        UnknownReleaseError: the site has no such release.
    """
    with transaction(dsn) as cursor:
        release = lock_release(cursor, site, release_id)
        if release.state != "failed" and "failed" not in MOVES[release.state]:
            return release.state
        _move(cursor, release, "failed", "fail", by=by, reason=reason)
        _set_reason(cursor, release_id, reason)
    return "failed"


def fail_abandoned(dsn: str, site: SiteId, release_id: ReleaseId, reason: str, *, by: str = LIBRARY) -> None:
    """A release that is still building has failed: nobody is building it any more. Others stay as they are."""
    with transaction(dsn) as cursor:
        release = lock_release(cursor, site, release_id)
        if release.state == "building":
            _move(cursor, release, "failed", "fail", by=by, reason=reason)
            _set_reason(cursor, release_id, reason)


def start_canary(dsn: str, site: SiteId, release_id: ReleaseId, *, by: str = LIBRARY, reason: str = "") -> None:
    """The release may answer a share of the requests beside the live one; its rows are kept. No pointer moves.

    Raises:
        ReleaseError: unknown, a predictor's, not published, or in a state that cannot become a canary.
    """
    with transaction(dsn) as cursor:
        become_canary(cursor, lock_release(cursor, site, release_id), by=by, reason=reason)


def become_canary(cursor: Cursor, release: ReleaseSummary, *, by: str, reason: str) -> None:
    """``start_canary`` in the caller's transaction, which holds the release."""
    if release.surface != RECOMMENDATIONS:
        raise ReleaseError(
            f"release {release.release_id}: found one of {release.surface}, expected one of {RECOMMENDATIONS}, which "
            "alone have canaries; the gate has compared it with the live one. Activate it, or leave it"
        )
    _require_published(release)
    _move(cursor, release, "canary", "canary", by=by, reason=reason)


def put_aside(cursor: Cursor, release: ReleaseSummary, *, by: str, reason: str) -> None:
    """A canary is retired, in the caller's transaction; its rows stay until the retention takes them. Others stay."""
    if release.state == "canary":
        _move(cursor, release, "retired", "retire", by=by, reason=reason)
        _set_reason(cursor, release.release_id, reason)


def decline(dsn: str, site: SiteId, release_id: ReleaseId, reason: str, *, by: str = LIBRARY) -> None:
    """Nobody let the gated release go live, for that reason; it stays gated and may still be activated.

    Raises:
        ReleaseError: unknown, or not gated.
    """
    with transaction(dsn) as cursor:
        release = lock_release(cursor, site, release_id)
        if release.state != "gated":
            raise ReleaseError(f"release {release_id}: found it {release.state}, expected one that waits, gated")
        _set_reason(cursor, release_id, reason)
        note(cursor, site, release_id, "decline", then="gated", after="gated", by=by, reason=reason)


def activate(
    dsn: str, site: SiteId, release_id: ReleaseId, at: datetime, *, by: str = LIBRARY, reason: str = ""
) -> LiveRelease:
    """The release answers for its site and surface from now on; the one before is retired, ready for a roll back.

    Raises:
        ReleaseError: unknown, not published, or in a state that cannot go live. The live one stays.
    """
    with transaction(dsn) as cursor:
        surface = lock_release(cursor, site, release_id, share=True).surface
        live = _lock_pointer(cursor, site, surface)
        release = lock_release(cursor, site, release_id)
        if live is not None and live.release_id == release_id:
            return live
        _require_published(release)
        _move(cursor, release, "live", "activate", by=by, reason=reason)
        cursor.execute("UPDATE recsys.release SET activated_at = %s WHERE release_id = %s", (at, release_id))
        before = live.release_id if live else None
        if before is not None:
            told = f"{release_id} took its place" + (f": {reason}" if reason else "")
            _move(cursor, lock_release(cursor, site, before), "retired", "activate", by=by, reason=told)
        return _point(
            cursor,
            LiveRelease(site=site, surface=surface, release_id=release_id, previous=before, activated_at=at),
        )


def rollback(
    dsn: str,
    site: SiteId,
    at: datetime,
    *,
    surface: Surface = RECOMMENDATIONS,
    by: str = LIBRARY,
    reason: str = "",
) -> LiveRelease:
    """The release before the live one answers again; the next roll back goes one further.

    Raises:
        ReleaseError: nothing is live, or there is no earlier release whose rows are still kept.
    """
    with transaction(dsn) as cursor:
        live = _lock_pointer(cursor, site, surface)
        if live is None:
            raise ReleaseError(f"site {site!r} has no live release of {surface}; there is nothing to roll back")
        if live.previous is None:
            raise ReleaseError(
                f"site {site!r}: {live.release_id} has no earlier release with its rows still kept; "
                "activate another release by its id"
            )
        target = lock_release(cursor, site, live.previous)
        _require_published(target)
        told = f"rolled back to {target.release_id}" + (f": {reason}" if reason else "")
        _move(cursor, lock_release(cursor, site, live.release_id), "retired", "rollback", by=by, reason=told)
        _move(cursor, target, "live", "rollback", by=by, reason=reason)
        cursor.execute(
            "SELECT release_id FROM recsys.release WHERE site = %s AND surface = %s AND published "
            "AND state = 'retired' AND activated_at < %s ORDER BY activated_at DESC LIMIT 1",
            (site, surface, target.activated_at),
        )
        older = cursor.fetchone()
        return _point(
            cursor,
            LiveRelease(
                site=site,
                surface=surface,
                release_id=target.release_id,
                previous=older[0] if older else None,
                activated_at=at,
            ),
        )


def note_removed(
    dsn: str, site: SiteId, release_id: ReleaseId, at: datetime, *, by: str = LIBRARY, reason: str = ""
) -> None:
    """The release is a line of the list and a report from now on: rows, files and models are gone."""
    with transaction(dsn) as cursor:
        release = lock_release(cursor, site, release_id)
        cursor.execute("UPDATE recsys.release SET removed_at = %s WHERE release_id = %s", (at, release_id))
        note(cursor, site, release_id, "remove", then=release.state, after=release.state, by=by, reason=reason)


def _require_published(release: ReleaseSummary) -> None:
    if not release.published:
        raise ReleaseError(
            f"release {release.release_id} has no rows in Postgres: it was never published, or its rows "
            "were dropped when it was retired; publish it again first"
        )


def _move(cursor: Cursor, release: ReleaseSummary, state: State, action: str, *, by: str, reason: str) -> None:
    if state == release.state:
        return
    if state not in MOVES[release.state]:
        allowed = ", ".join(sorted(MOVES[release.state])) or "none, this state is final"
        raise ReleaseError(
            f"release {release.release_id}: found state {release.state}, asked for {state}; "
            f"allowed from here: {allowed}"
        )
    cursor.execute("UPDATE recsys.release SET state = %s WHERE release_id = %s", (state, release.release_id))
    note(cursor, release.site, release.release_id, action, then=release.state, after=state, by=by, reason=reason)


def _set_reason(cursor: Cursor, release_id: ReleaseId, reason: str) -> None:
    cursor.execute("UPDATE recsys.release SET reason = %s WHERE release_id = %s", (reason, release_id))


def _lock_pointer(cursor: Cursor, site: SiteId, surface: Surface) -> LiveRelease | None:
    cursor.execute(
        "SELECT pg_advisory_xact_lock(hashtext('recsys.live_release'), hashtext(%s))", (f"{site}/{surface}",)
    )
    return pointer(cursor, site, surface, lock=True)


def _point(cursor: Cursor, live: LiveRelease) -> LiveRelease:
    cursor.execute(
        "INSERT INTO recsys.live_release (site, surface, release_id, previous, activated_at) "
        "VALUES (%s, %s, %s, %s, %s) ON CONFLICT (site, surface) DO UPDATE SET release_id = EXCLUDED.release_id, "
        "previous = EXCLUDED.previous, activated_at = EXCLUDED.activated_at",
        (live.site, live.surface, live.release_id, live.previous, live.activated_at),
    )
    cursor.execute("SELECT pg_notify(%s, %s)", (CHANNEL, live.site))
    return live
