"""Say what this machine lacks before anything is installed: ``python3 -I recsys/local/preflight.py``.

Runs on any Python 3, with nothing but its own library; the command's -I keeps this folder's modules out of its way.
"""

import ctypes.util
import importlib.util
import sys
from typing import Iterator  # noqa: UP035 - must run on a Python too old for us, to say so

OLDEST, NEWEST = (3, 11), (3, 13)


def complaints() -> "Iterator[str]":
    """One sentence for each thing that is missing, with what to do."""
    found = sys.version_info[:2]
    name = "python{}.{}".format(*found)
    if not OLDEST <= found <= NEWEST:
        yield f"Found {name}; Python 3.11, 3.12 or 3.13 is needed. Choose one: make up PYTHON=python3.12"
    elif importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        yield f"{name} cannot make environments. On Debian and Ubuntu: apt-get install {name}-venv"
    if sys.platform == "linux" and ctypes.util.find_library("gomp") is None:
        yield "The library libgomp is missing. On Debian and Ubuntu: apt-get install libgomp1; elsewhere: libgomp."


if __name__ == "__main__":
    sys.exit("\n".join(complaints()) or None)
