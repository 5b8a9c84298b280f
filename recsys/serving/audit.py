"""Who changed what of a release, when and why. Written in the change's own transaction; stays as it is."""

from typing import Final

from recsys.serving.contracts import ReleaseChange, State
from recsys.serving.postgres import Cursor, transaction
from recsys.types import ReleaseId, SiteId

LIBRARY: Final = "library"
"Who changed it, where the caller named nobody."

_COLUMNS: Final = "site, release_id, changed_at, changed_by, action, state_then, state_after, reason"


def note(
    cursor: Cursor,
    site: SiteId,
    release_id: ReleaseId,
    action: str,
    *,
    then: State | None,
    after: State,
    by: str,
    reason: str = "",
) -> None:
    """The change is in the audit as soon as the transaction is committed."""
    cursor.execute(
        "INSERT INTO recsys.release_change (site, release_id, changed_by, action, state_then, state_after, reason) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (site, release_id, by, action, then, after, reason),
    )


def changes(
    dsn: str, site: SiteId, *, release_id: ReleaseId | None = None, limit: int = 100
) -> tuple[ReleaseChange, ...]:
    """Changes to the site's releases, or to one of them, newest first; an unknown one has none."""
    with transaction(dsn) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM recsys.release_change WHERE site = %s AND release_id = coalesce(%s, release_id) "
            "ORDER BY change_id DESC LIMIT %s",
            (site, release_id, limit),
        )
        names = _COLUMNS.split(", ")
        return tuple(ReleaseChange(**dict(zip(names, row, strict=True))) for row in cursor.fetchall())
