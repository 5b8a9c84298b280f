"""Start Postgres as `make up` starts everything, say so, and stay until told to stop."""

import contextlib
import sys
import time

from recsys.layout import Settings
from recsys.local.platform import running
from recsys.local.stopping import Stopped, told_to_stop


def main() -> None:
    """Run until told to stop."""
    say = sys.stderr.write
    with contextlib.suppress(Stopped), told_to_stop(), running(Settings(), sys.argv[1:], say=say):
        sys.stdout.write("up\n")
        sys.stdout.flush()
        time.sleep(600)


if __name__ == "__main__":
    main()
