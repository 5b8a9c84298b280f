"""A process that ends when the one that started it does, even when that is killed. Linux only.

Elsewhere what a killed parent left is found by its mark at the next start: leftovers.py.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with(parent: int, sent: signal.Signals = signal.SIGTERM) -> None:
    """The kernel sends ``sent`` to this process when ``parent`` ends; it survives exec, but not a change of user.

    Args:
        parent: os.getppid() as read when this process began, so that a parent that is gone already is noticed.
        sent: the signal that makes this process stop in good order.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(sent))
    if os.getppid() != parent:
        os.kill(os.getpid(), sent)
