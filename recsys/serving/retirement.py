"""Takes the rows of a release out of Postgres, beside the requests that go on."""

from recsys.errors import ReleaseError
from recsys.serving.audit import LIBRARY, note
from recsys.serving.lifecycle import lock_release
from recsys.serving.postgres import transaction
from recsys.serving.release_tables import remove_tables
from recsys.types import ReleaseId, SiteId


def retire(dsn: str, site: SiteId, release_id: ReleaseId, *, by: str = LIBRARY, reason: str = "") -> None:
    """The rows of one release are gone; it stays in the list, with its report. Gated ones and canaries are retired.

    Raises:
        ReleaseError: it is the live one, the one before it, or being built.
        StoreError: readers held its tables too long; it cannot be activated any more, try again.
    """
    withdraw(dsn, site, release_id, by=by, reason=reason)
    remove_tables(dsn, release_id)


def withdraw(dsn: str, site: SiteId, release_id: ReleaseId, *, by: str = LIBRARY, reason: str = "") -> None:
    """The release cannot be activated any more; its rows are for the next ``retire`` or maintenance to take away.

    That is what the web service may do, whose role cannot drop a table.

    Raises:
        ReleaseError: it is the live one, the one before it, or being built.
    """
    with transaction(dsn) as cursor:
        release = lock_release(cursor, site, release_id)
        cursor.execute("SELECT 1 FROM recsys.live_release WHERE previous = %s", (release_id,))
        if release.state in ("live", "building") or cursor.fetchone() is not None:
            raise ReleaseError(
                f"release {release_id}: found it {release.state}, or next in line for a roll back; expected one that "
                "is neither live, nor the one before, nor being built"
            )
        after = "retired" if release.state in ("gated", "canary") else release.state
        cursor.execute(
            "UPDATE recsys.release SET published = false, state = %s WHERE release_id = %s", (after, release_id)
        )
        if release.published or after != release.state:
            note(cursor, site, release_id, "retire", then=release.state, after=after, by=by, reason=reason)
