"""How many cores a process uses, in one place: as many as it may run on."""

import os


def cores() -> int:
    """Those that ``taskset``, a container's cpuset or a batch system leaves to this process; all where nobody limits.

    What is computed does not depend on it; models whose training does have a fixed number of threads instead.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
