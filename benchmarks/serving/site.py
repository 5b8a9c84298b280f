"""What is served: a release of any size, and users who did something lately."""

import time
from pathlib import Path

from benchmarks.releases import load
from benchmarks.releases.made import SITE, store_release, write_files
from recsys.serving.postgres import transaction
from recsys.stages import publish_release
from recsys.stages.context import StageContext

ITEMS = 5000
ACTIVE = 10_000
"Users who did something lately; all that is asked is asked of these."
EMPTY = "/health/live"
ASK = f"/v1/{SITE}/recommendations?k=10&user_id="
_EVENTS = """
INSERT INTO recsys.event (site, event_id, user_id, item_id, event_type, "timestamp")
SELECT %s, 'e' || number, 'user_' || lpad((number / 3)::text, 8, '0'),
       'a' || lpad((number * 37 %% %s)::text, 5, '0'), 'view', now() - number %% 3 * interval '5 minutes'
FROM generate_series(0, %s) AS number
"""


def publish(context: StageContext, folder: Path, users: int) -> float:
    """A release of so many users is live, and some did three things lately; returns the seconds of publishing."""
    rows = write_files(folder, "a", users=users, items=ITEMS)
    store_release(context, "a", folder, rows)
    began = time.perf_counter()
    publish_release.run(site=SITE, release_id="a", context=context)
    load.move(context.dsn, "a")
    seconds = time.perf_counter() - began
    with transaction(context.dsn) as cursor:
        cursor.execute(_EVENTS, (SITE, min(ITEMS, 1000), 3 * min(users, ACTIVE) - 1))
    return seconds


def user(number: int) -> str:
    """The id of the user with this number."""
    return f"user_{number:08}"
