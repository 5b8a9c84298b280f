"""When a worker's garbage collector runs: seldom, and never over what stays.

Everything that answers need is made when the service starts or a site's news are read, and stays. Looking through it
again and again would take longer than many answers, all at once.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SELDOM: Final = (20_000, 20, 100)
"""How many objects have come when the young ones are looked at; after how many looks the older; and then the oldest."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Within the block pauses are seldom and short; what was there before is not looked at."""
    before = gc.get_threshold()
    gc.collect()
    stays()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def stays() -> None:
    """What is there now is not looked at any more; it goes, as ever, when nothing refers to it."""
    gc.freeze()
