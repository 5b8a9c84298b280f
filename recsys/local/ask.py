"""A container's health check: ``python -m recsys.local.ask URL`` ends with 0 when the URL answers 2xx."""

import sys
from urllib.request import urlopen


def main() -> None:
    """Ask once; an error of any kind is a check that failed."""
    urlopen(sys.argv[1], timeout=5).close()


if __name__ == "__main__":
    main()
