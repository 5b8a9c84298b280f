"""Which releases a site has, in which state, and which one is live.

States and the moves between them::

    building ─→ gated ─→ canary ─→ live ⇄ retired
        └─→ refused  └──────────────↗
    failed: from building, gated or canary; a failed or gated release may be built again.

Every function is one transaction. Times come from the caller.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from recsys.errors import ReleaseError, UnknownReleaseError
from recsys.serving.contracts import LiveRelease, ReleaseSummary, State
from recsys.serving.postgres import Cursor, transaction
from recsys.types import ReleaseId, SiteId

CHANNEL: Final = "recsys_live_release"
"Postgres NOTIFY channel; the payload is the site whose pointer moved."

MOVES: Final[dict[State, frozenset[State]]] = {
    "building": frozenset({"gated", "refused", "failed"}),
    "gated": frozenset({"building", "canary", "live", "failed"}),
    "canary": frozenset({"live", "retired", "failed"}),
    "live": frozenset({"retired"}),
    "retired": frozenset({"live"}),
    "refused": frozenset(),
    "failed": frozenset({"building"}),
}

_SUMMARY = "release_id, site, state, as_of, created_at, activated_at, reason, published"


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
) -> State:
    """The release is known afterwards; returns its state.

    One that is known already and still being made (building, gated, failed) takes the new description; one that was
    judged or served (canary, live, retired, refused) is left as it is, so that a step can be repeated.

    ``as_of`` is the exclusive end of what the release knows, ``at`` is now as the caller sees it, both with a time
    zone; ``report`` (of the evaluation) and ``manifest`` (hashes, row counts) are JSON values.

    Raises:
        ReleaseError: the id belongs to another site.
    """
    described = (state, as_of, reason, json.dumps(dict(report or {})), json.dumps(dict(manifest or {})))
    with transaction(dsn) as cursor:
        cursor.execute(
            "INSERT INTO recsys.release (release_id, site, created_at, state, as_of, reason, report, manifest) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (release_id) DO NOTHING",
            (release_id, site, at, *described),
        )
        known = lock_release(cursor, site, release_id)
        if known.state not in ("building", "gated", "failed"):
            return known.state
        cursor.execute(
            "UPDATE recsys.release SET state = %s, as_of = %s, reason = %s, report = %s, manifest = %s "
            "WHERE release_id = %s",
            (*described, release_id),
        )
    return state


def set_state(dsn: str, site: SiteId, release_id: ReleaseId, state: State, *, reason: str | None = None) -> None:
    """The release has that state; ``reason`` replaces the old one unless None. Setting the same state again is allowed.

    Raises:
        ReleaseError: unknown release, or a move that is not in ``MOVES``; live and retired come from ``activate``.
    """
    with transaction(dsn) as cursor:
        release = lock_release(cursor, site, release_id)
        if "live" in (state, release.state) and state != release.state:
            raise ReleaseError(
                f"release {release_id}: found state {release.state}, asked for {state}; a release becomes "
                "or ceases to be live only by moving the pointer: activate or roll back"
            )
        _move(cursor, release, state)
        if reason is not None:
            cursor.execute("UPDATE recsys.release SET reason = %s WHERE release_id = %s", (reason, release_id))


def activate(dsn: str, site: SiteId, release_id: ReleaseId, at: datetime) -> LiveRelease:
    """The release answers for the site from now on; the one before is retired and stays ready for a roll back.

    Raises:
        ReleaseError: unknown, not published, or in a state that cannot go live. The live one stays.
    """
    with transaction(dsn) as cursor:
        live = _lock_pointer(cursor, site)
        release = lock_release(cursor, site, release_id)
        if live is not None and live.release_id == release_id:
            return live
        _require_published(release)
        _move(cursor, release, "live")
        cursor.execute("UPDATE recsys.release SET activated_at = %s WHERE release_id = %s", (at, release_id))
        before = live.release_id if live else None
        if before is not None:
            _move(cursor, lock_release(cursor, site, before), "retired")
        return _point(cursor, LiveRelease(site=site, release_id=release_id, previous=before, activated_at=at))


def rollback(dsn: str, site: SiteId, at: datetime) -> LiveRelease:
    """The release before the live one answers again; the next roll back goes one further.

    Raises:
        ReleaseError: nothing is live, or there is no earlier release whose rows are still kept.
    """
    with transaction(dsn) as cursor:
        live = _lock_pointer(cursor, site)
        if live is None:
            raise ReleaseError(f"site {site!r} has no live release; there is nothing to roll back")
        if live.previous is None:
            raise ReleaseError(
                f"site {site!r}: {live.release_id} has no earlier release with its rows still kept; "
                "activate another release by its id"
            )
        target = lock_release(cursor, site, live.previous)
        _require_published(target)
        _move(cursor, lock_release(cursor, site, live.release_id), "retired")
        _move(cursor, target, "live")
        cursor.execute(
            "SELECT release_id FROM recsys.release WHERE site = %s AND published AND state = 'retired' "
            "AND activated_at < %s ORDER BY activated_at DESC LIMIT 1",
            (site, target.activated_at),
        )
        older = cursor.fetchone()
        previous = older[0] if older else None
        return _point(cursor, LiveRelease(site=site, release_id=target.release_id, previous=previous, activated_at=at))


def releases(dsn: str, site: SiteId, *, limit: int = 100) -> list[ReleaseSummary]:
    """The site's releases, newest first; an unknown site has none."""
    with transaction(dsn) as cursor:
        cursor.execute(
            f"SELECT {_SUMMARY} FROM recsys.release WHERE site = %s ORDER BY created_at DESC, release_id DESC LIMIT %s",
            (site, limit),
        )
        return [_summary(row) for row in cursor.fetchall()]


def unfinished_release(dsn: str, site: SiteId) -> ReleaseId:
    """The newest release of the site that is still being made.

    Raises:
        ReleaseError: there is none.
    """
    for release in releases(dsn, site):
        if release.state in ("building", "gated"):
            return release.release_id
    raise ReleaseError(f"site {site!r}: found no release that is being made; build candidates first, or name a release")


def require_unfinished(dsn: str, site: SiteId, release_id: ReleaseId) -> None:
    """Nothing, when the release is still being made.

    Raises:
        ReleaseError: the site has no such release, or it was judged already: a finished release never changes.
    """
    with transaction(dsn) as cursor:
        release = lock_release(cursor, site, release_id)
    if release.state not in ("building", "gated", "failed"):
        raise ReleaseError(
            f"release {release_id}: found it {release.state}, expected one that is still being made; a finished "
            "release never changes. Build candidates again when the data, the configuration or the code are new"
        )


def live_release(dsn: str, site: SiteId) -> LiveRelease | None:
    """The pointer of the site; None before the first activation."""
    with transaction(dsn) as cursor:
        return _pointer(cursor, site, lock=False)


def release_report(dsn: str, site: SiteId, release_id: ReleaseId) -> dict[str, Any]:
    """The evaluation report that was recorded with the release.

    Raises:
        UnknownReleaseError: the site has no such release.
    """
    with transaction(dsn) as cursor:
        cursor.execute("SELECT report FROM recsys.release WHERE site = %s AND release_id = %s", (site, release_id))
        row = cursor.fetchone()
    if row is None:
        raise _unknown(site, release_id)
    return dict(row[0])


def lock_release(cursor: Cursor, site: SiteId, release_id: ReleaseId) -> ReleaseSummary:
    """The release as it is; nobody else changes it until this transaction ends.

    Raises:
        UnknownReleaseError: the site has no such release.
    """
    cursor.execute(
        f"SELECT {_SUMMARY} FROM recsys.release WHERE site = %s AND release_id = %s FOR UPDATE", (site, release_id)
    )
    row = cursor.fetchone()
    if row is None:
        raise _unknown(site, release_id)
    return _summary(row)


def _unknown(site: SiteId, release_id: ReleaseId) -> UnknownReleaseError:
    return UnknownReleaseError(
        f"site {site!r} has no release {release_id!r}; see its releases with: recsys releases list --site {site}"
    )


def _summary(row: tuple[Any, ...]) -> ReleaseSummary:
    return ReleaseSummary(**dict(zip(_SUMMARY.split(", "), row, strict=True)))


def _require_published(release: ReleaseSummary) -> None:
    if not release.published:
        raise ReleaseError(
            f"release {release.release_id} has no rows in Postgres: it was never published, or its rows "
            "were dropped when it was retired; publish it again first"
        )


def _move(cursor: Cursor, release: ReleaseSummary, state: State) -> None:
    if state == release.state:
        return
    if state not in MOVES[release.state]:
        allowed = ", ".join(sorted(MOVES[release.state])) or "none, this state is final"
        raise ReleaseError(
            f"release {release.release_id}: found state {release.state}, asked for {state}; "
            f"allowed from here: {allowed}"
        )
    cursor.execute("UPDATE recsys.release SET state = %s WHERE release_id = %s", (state, release.release_id))


def _lock_pointer(cursor: Cursor, site: SiteId) -> LiveRelease | None:
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('recsys.live_release'), hashtext(%s))", (site,))
    return _pointer(cursor, site, lock=True)


def _pointer(cursor: Cursor, site: SiteId, *, lock: bool) -> LiveRelease | None:
    cursor.execute(
        "SELECT release_id, previous, activated_at FROM recsys.live_release WHERE site = %s" + lock * " FOR UPDATE",
        (site,),
    )
    row = cursor.fetchone()
    return row and LiveRelease(site=site, release_id=row[0], previous=row[1], activated_at=row[2])


def _point(cursor: Cursor, live: LiveRelease) -> LiveRelease:
    cursor.execute(
        "INSERT INTO recsys.live_release (site, release_id, previous, activated_at) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (site) DO UPDATE SET release_id = EXCLUDED.release_id, previous = EXCLUDED.previous, "
        "activated_at = EXCLUDED.activated_at",
        (live.site, live.release_id, live.previous, live.activated_at),
    )
    cursor.execute("SELECT pg_notify(%s, %s)", (CHANNEL, live.site))
    return live
