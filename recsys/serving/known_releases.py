"""Which releases a site has, in which state, and what is recorded of them. Looks, and changes nothing."""

from typing import Any, Final

from recsys.errors import ReleaseError, UnknownReleaseError
from recsys.serving.contracts import RECOMMENDATIONS, LiveRelease, ReleaseSummary, State, Surface
from recsys.serving.postgres import Cursor, transaction
from recsys.types import ReleaseId, SiteId

UNFINISHED: Final[tuple[State, ...]] = ("building", "gated", "failed")
"""Still being made, or to be made again."""

_SUMMARY: Final = "release_id, site, state, as_of, created_at, activated_at, reason, published, surface, removed_at"


def releases(dsn: str, site: SiteId, *, limit: int = 100, surface: Surface | None = None) -> list[ReleaseSummary]:
    """The site's releases, of one surface or of all, newest first; an unknown site has none."""
    with transaction(dsn) as cursor:
        cursor.execute(
            f"SELECT {_SUMMARY} FROM recsys.release WHERE site = %s AND coalesce(surface = %s, true) "
            "ORDER BY created_at DESC, release_id DESC LIMIT %s",
            (site, surface, limit),
        )
        return [_summary(row) for row in cursor.fetchall()]


def unfinished_release(dsn: str, site: SiteId) -> ReleaseId:
    """The newest release of the site that is still being made, or failed and may be made again.

    Raises:
        ReleaseError: there is none.
    """
    for release in releases(dsn, site, surface=RECOMMENDATIONS):
        if release.state in UNFINISHED:
            return release.release_id
    raise ReleaseError(f"site {site!r}: found no release that is being made; build candidates first, or name a release")


def require_unfinished(dsn: str, site: SiteId, release_id: ReleaseId) -> None:
    """Nothing, when the release is still being made.

    Raises:
        ReleaseError: the site has no such release, or it was judged already: a finished release never changes.
    """
    with transaction(dsn) as cursor:
        release = lock_release(cursor, site, release_id)
    if release.state not in UNFINISHED:
        raise ReleaseError(
            f"release {release_id}: found it {release.state}, expected one that is still being made; a finished "
            "release never changes. Build candidates again when the data, the configuration or the code are new"
        )


def live_release(dsn: str, site: SiteId, surface: Surface = RECOMMENDATIONS) -> LiveRelease | None:
    """The pointer of the site and surface; None before the first activation."""
    with transaction(dsn) as cursor:
        return pointer(cursor, site, surface, lock=False)


def pointers(dsn: str, site: SiteId) -> list[LiveRelease]:
    """What is live for the site, a pointer for each surface that has one."""
    with transaction(dsn) as cursor:
        cursor.execute(
            "SELECT surface, release_id, previous, activated_at FROM recsys.live_release WHERE site = %s "
            "ORDER BY surface",
            (site,),
        )
        return [
            LiveRelease(site=site, surface=surface, release_id=release_id, previous=previous, activated_at=at)
            for surface, release_id, previous, at in cursor.fetchall()
        ]


def known_ids(dsn: str) -> frozenset[ReleaseId]:
    """Every release that is recorded, of every site."""
    with transaction(dsn) as cursor:
        cursor.execute("SELECT release_id FROM recsys.release")
        return frozenset(row[0] for row in cursor.fetchall())


def release_summary(dsn: str, site: SiteId, release_id: ReleaseId) -> ReleaseSummary:
    """One line of the list. Raises UnknownReleaseError."""
    with transaction(dsn) as cursor:
        return lock_release(cursor, site, release_id, share=True)


def release_record(dsn: str, site: SiteId, release_id: ReleaseId) -> dict[str, Any]:
    """All that is recorded of one release, as JSON values: its summary, ``manifest`` and ``report``.

    Raises:
        UnknownReleaseError: the site has no such release.
    """
    with transaction(dsn) as cursor:
        release = lock_release(cursor, site, release_id, share=True)
        cursor.execute("SELECT manifest, report FROM recsys.release WHERE release_id = %s", (release_id,))
        manifest, report = cursor.fetchone()
    return {**release.model_dump(mode="json"), "manifest": manifest, "report": report}


def release_report(dsn: str, site: SiteId, release_id: ReleaseId) -> dict[str, Any]:
    """The evaluation report that was recorded with the release.

    Raises:
        UnknownReleaseError: the site has no such release.
    """
    return dict(release_record(dsn, site, release_id)["report"])


def lock_release(cursor: Cursor, site: SiteId, release_id: ReleaseId, *, share: bool = False) -> ReleaseSummary:
    """The release as it is; nobody else changes it until this transaction ends. ``share``: only looked at.

    Raises:
        UnknownReleaseError: the site has no such release.
    """
    cursor.execute(
        f"SELECT {_SUMMARY} FROM recsys.release WHERE site = %s AND release_id = %s" + (not share) * " FOR UPDATE",
        (site, release_id),
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


def pointer(cursor: Cursor, site: SiteId, surface: Surface, *, lock: bool) -> LiveRelease | None:
    """The pointer; ``lock``: nobody else moves it until this transaction ends."""
    cursor.execute(
        "SELECT release_id, previous, activated_at FROM recsys.live_release WHERE site = %s AND surface = %s"
        + lock * " FOR UPDATE",
        (site, surface),
    )
    row = cursor.fetchone()
    return row and LiveRelease(site=site, surface=surface, release_id=row[0], previous=row[1], activated_at=row[2])
