"""``python -m recsys.serving.snapshot RELEASE_ID FILE MOST_USERS`` writes one snapshot from Postgres."""

import asyncio
import gc
import os
import sys
from pathlib import Path

from recsys.errors import RecsysError
from recsys.layout import Settings
from recsys.serving.snapshot.writing import write_snapshot
from recsys.types import ReleaseId

if __name__ == "__main__":
    os.nice(10)
    gc.disable()  # nothing refers to itself here, and looking for it takes half of the time
    release_id, path, most_users = sys.argv[1:]
    try:
        asyncio.run(
            write_snapshot(Settings().postgres_dsn(), ReleaseId(release_id), Path(path), most_users=int(most_users))
        )
    except RecsysError as fault:
        sys.exit(str(fault))
