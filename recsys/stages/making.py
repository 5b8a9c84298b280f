"""A release whose making dies with an error is failed, with the sentence why; it can be made again."""

from collections.abc import Iterator
from contextlib import contextmanager

from recsys.errors import RecsysError
from recsys.serving import lifecycle
from recsys.stages.context import StageContext
from recsys.types import ReleaseId, SiteId


@contextmanager
def making(context: StageContext, site: SiteId, release_id: ReleaseId, *, by: str) -> Iterator[None]:
    """What is done in the block makes the release; an error goes on its way after the release is marked as failed.

    A release that was live, refused or retired before stays so. A process that is killed marks nothing: the release
    stays in the state in which it was being made, and the next run goes on.
    """
    try:
        yield
    except BaseException as fault:
        told = str(fault).partition("\n")[0]
        try:
            lifecycle.fail(context.dsn, site, release_id, f"{type(fault).__name__}: {told}", by=by)
        except RecsysError as unmarked:
            fault.add_note(f"release {release_id} could not be marked as failed: {unmarked}")
        raise
