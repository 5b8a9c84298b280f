"""Publishing is killed with SIGKILL at moments drawn at random; what is live stays, and the next run completes."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

from benchmarks.releases.made import SITE
from recsys.serving import lifecycle, retirement
from recsys.serving.postgres import autocommit, transaction
from recsys.serving.release_tables import KEYS, existing_tables, table_name
from recsys.stages import publish_release
from recsys.stages.context import StageContext

PROGRAM = "import sys; from recsys.stages import publish_release as p; p.run(site=sys.argv[1], release_id=sys.argv[2])"


@dataclass
class Killed:
    """What was seen."""

    kills: int = 0
    "Of processes that had not finished."
    faults: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    "How long each killed process had run."


def kill(context: StageContext, *, live: str, release_id: str, times: int, rng: random.Random) -> Killed:
    """Publishes ``release_id`` and kills it ``times`` times; after each kill it is published whole, then retired."""
    seen = Killed()
    content = _content(context, live)
    whole = _publish(context, release_id)
    retirement.retire(context.dsn, SITE, release_id)
    _gated(context, release_id)
    while seen.kills < times:
        process = _start(context, release_id)
        began = time.monotonic()
        time.sleep(rng.uniform(0.05, 1.0) * whole)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            seen.kills += 1
            seen.seconds.append(time.monotonic() - began)
        process.wait()
        _let_the_server_notice(context)
        _check(seen, context, live, content, release_id)
        publish_release.run(site=SITE, release_id=release_id, context=context)
        retirement.retire(context.dsn, SITE, release_id)
        _gated(context, release_id)
    return seen


def _let_the_server_notice(context: StageContext) -> None:
    """Nothing runs any more for a client that is gone: the server may end a statement first, or commit one."""
    with autocommit(context.dsn) as cursor:
        while True:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.01)


def _check(seen: Killed, context: StageContext, live: str, content: list[object], release_id: str) -> None:
    pointer = lifecycle.live_release(context.dsn, SITE)
    if pointer is None or pointer.release_id != live:
        seen.faults.append(f"the pointer is at {pointer}")
    if _content(context, live) != content:
        seen.faults.append("rows of the live release are others")
    published = lifecycle.release_summary(context.dsn, SITE, release_id).published
    left = {table_name(table, release_id) for table in KEYS} & existing_tables(context.dsn).keys()
    if len(left) != 4 * published:
        seen.faults.append(f"half a release: published {published}, tables {left}")


def _publish(context: StageContext, release_id: str) -> float:
    began = time.monotonic()
    assert _start(context, release_id).wait() == 0
    return time.monotonic() - began


def _start(context: StageContext, release_id: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **context.settings.environment()}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, SITE, release_id], env=environment)


def _gated(context: StageContext, release_id: str) -> None:
    """Retiring is final; for the next round the release is as if it had just passed the gate."""
    with transaction(context.dsn) as cursor:
        cursor.execute("UPDATE recsys.release SET state = 'gated' WHERE release_id = %s", (release_id,))


def _content(context: StageContext, release_id: str) -> list[object]:
    with transaction(context.dsn) as cursor:
        cursor.execute(
            "SELECT count(*), sum(hashtext(user_id || item_ids::text)::bigint) FROM recsys.slate WHERE release_id = %s",
            (release_id,),
        )
        return list(cursor.fetchone())
