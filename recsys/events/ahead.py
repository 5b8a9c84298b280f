"""Makes the next part while the last one is used: two cores are busy, and one part more is in memory."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar, cast

T = TypeVar("T")
END: Final = object()


def ahead(parts: Generator[T, None, None]) -> Iterator[T]:
    """The same parts in the same order, each made in a thread of its own while the one before is used.

    An error in ``parts`` is raised where the part would have come. ``parts`` is closed when this is.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as maker:
        coming = maker.submit(next, parts, END)
        try:
            while (part := coming.result()) is not END:
                coming = maker.submit(next, parts, END)
                yield cast(T, part)
        finally:
            maker.submit(parts.close).result()
