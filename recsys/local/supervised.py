"""Become supervisord, which stops all servers when its parent dies: ``python -m recsys.local.supervised FILE``."""

import os
import sys

from supervisor import supervisord

from recsys.local.lifeline import die_with


def main() -> None:
    """Run until told to stop."""
    die_with(os.getppid())
    user = [] if os.geteuid() else ["--user", "root"]
    supervisord.main(["--nodaemon", "--silent", *user, "--configuration", sys.argv[1]])


if __name__ == "__main__":
    main()
