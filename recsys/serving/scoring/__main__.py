"""``python -m recsys.serving.scoring RELEASE_ID FOLDER MOST_USERS`` writes the parts of a ranker from Postgres.

Where another process of this host is at it, it waits, and finds them written.
"""

import asyncio
import fcntl
import os
import shutil
import sys
from pathlib import Path

from recsys.errors import RecsysError
from recsys.layout import Settings
from recsys.serving.scoring.writing import write_parts
from recsys.types import ReleaseId

if __name__ == "__main__":
    os.nice(10)
    release_id, folder, most_users = ReleaseId(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.parent.glob(f".{folder.name}-*"):  # by one that was killed
            shutil.rmtree(left)
        try:
            if not folder.exists():
                asyncio.run(write_parts(Settings().postgres_dsn(), release_id, folder, most_users=most_users))
        except RecsysError as fault:
            sys.exit(str(fault))
