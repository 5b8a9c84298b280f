"""Events and recommendations together for ten minutes, while the release is switched: errors, memory, every event once.

    python -m benchmarks.soak [--minutes 10] [--every 60] [--workers 1] [--events 2000] [--answers 1000]

2,000 events a second come in POSTs of 20, and 1,000 recommendations a second are asked for, both sent evenly whatever
the answers do; each minute, or so often as ``--every`` says, the live release is switched. Everything runs on one
machine: the service, Postgres, and the client, which is one process. Looked at: every status, the release and number of
items of every answer, the memory of the workers, and afterwards whether each event that was answered with 202 is in
Postgres, once.

Before it the site had a busy day: earlier visitors did as much as a worker keeps of a site, and both releases answered
them. So memory is as full from the start as it is after hours of such load, and what grows is what leaks. ``--empty``
leaves the day out.
"""

import argparse
import asyncio
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import orjson

from benchmarks.releases import load
from benchmarks.releases.__main__ import stores
from benchmarks.releases.made import SITE, store_release, write_files
from benchmarks.serving.__main__ import web_service
from benchmarks.serving.processes import answering
from benchmarks.serving.site import ASK, user
from recsys.serving.postgres import transaction
from recsys.serving.told import MOST_KEPT
from recsys.stages import publish_release

USERS = 10_000
ITEMS = 2000
TOGETHER = 20
"Events in one POST."
CONNECTIONS = 32
"Of each kind."
RELEASES = ("a", "b")
BEFORE_A_SWITCH = 1.0
"Seconds by which memory is looked at, and then the release switched, before each span is full."
AFTER_A_SWITCH = 5.0
"Seconds whose requests are also told apart."
VISITORS = 20_000
"Of the busy day."
READ_WITHIN = 15.0
"Seconds in which a worker has that day in memory."
RETURNING = 3000
"Visitors of that day whom each release answers, so that a worker has unpacked what it keeps of it."
HEARD_WITHIN = 1.5
"Seconds after which a worker surely answers from another release."
_BUSY_DAY = """
INSERT INTO recsys.event (site, event_id, user_id, item_id, event_type, "timestamp")
SELECT %(site)s, 'd' || number, 'early_' || number %% %(visitors)s,
       chr(97 + number %% 2) || lpad((random() * (%(items)s - 1))::integer::text, 5, '0'), 'view',
       now() - interval '1 hour' + number * interval '1 hour' / %(events)s
FROM generate_series(1, %(events)s) AS number
"""
PATIENCE = 5.0
"""Seconds in which the last events may come into Postgres."""


@dataclass
class Seen:
    """What came back."""

    statuses: Counter[str] = field(default_factory=Counter)
    "By kind and status, or what was wrong."
    accepted: set[str] = field(default_factory=set)
    "Events that were answered with 202."
    milliseconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    "Of each kind: from when a request was due until its answer was here."
    megabytes: list[float] = field(default_factory=list)
    "Of all workers, what is theirs alone; before each switch."


async def soak(port: int, pid: int, dsn: str, options: argparse.Namespace) -> Seen:
    """The load is over; ``Seen`` tells."""
    seen, seconds, every = Seen(), options.minutes * 60, options.every
    began = time.perf_counter()

    async def send(kind: str, number: int, rate: float) -> None:
        rng = random.Random(f"{kind} {number}")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in range(number, int(rate * seconds), CONNECTIONS):
            due = began + turn / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if kind == "events":
                ids = [f"s{turn * TOGETHER + place:09}" for place in range(TOGETHER)]
                writer.write(_events(ids, rng))
                status, _ = await load.response(reader)
                if status == 202:
                    seen.accepted.update(ids)
                seen.statuses[f"events {status}"] += 1
            else:
                writer.write(f"GET {ASK}{user(rng.randrange(USERS))} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                status, body = await load.response(reader)
                seen.statuses[f"answers {_look(status, body)}"] += 1
            milliseconds = (time.perf_counter() - due) * 1000
            seen.milliseconds[kind].append(milliseconds)
            if due - began > AFTER_A_SWITCH and (due - began + BEFORE_A_SWITCH) % every < AFTER_A_SWITCH:
                seen.milliseconds[f"{kind} after a switch"].append(milliseconds)
        writer.close()

    async def switch() -> None:
        for turn in range(1, seconds // every + 1):
            await asyncio.sleep(max(0.0, began + turn * every - BEFORE_A_SWITCH - time.perf_counter()))
            seen.megabytes.append(await asyncio.to_thread(_megabytes, pid))
            print(f"second {turn * every}: {seen.megabytes[-1]:.0f} MB; {dict(seen.statuses)}", flush=True)
            await asyncio.to_thread(load.move, dsn, RELEASES[turn % 2])

    rates = {"events": options.events / TOGETHER, "answers": options.answers}
    await asyncio.gather(
        switch(), *(send(kind, number, rate) for kind, rate in rates.items() for number in range(CONNECTIONS))
    )
    return seen


def _megabytes(pid: int) -> float:
    return sum(each.memory_full_info().uss for each in answering(pid)) / 1e6


def _events(ids: list[str], rng: random.Random) -> bytes:
    """A POST of these events, of users and items by chance."""
    events = [
        {"event_id": each, "user_id": user(rng.randrange(USERS)), "item_id": _item(rng), "event_type": "view"}
        for each in ids
    ]
    body = orjson.dumps(events)
    head = f"POST /v1/{SITE}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _item(rng: random.Random) -> str:
    return f"{RELEASES[rng.randrange(2)]}{rng.randrange(ITEMS):05}"


def _look(status: int, body: bytes) -> str:
    """The status of an answer, or what is wrong with it."""
    if status != 200:
        return str(status)
    answer = orjson.loads(body)
    items = [item["item_id"] for item in answer["items"]]
    if len(set(items)) != 10 or any(not item.startswith(answer["release_id"]) for item in items):
        return "200, but not ten items of one release"
    return "200"


def tell_of_a_busy_day(dsn: str) -> None:
    """Earlier visitors did as much as a worker keeps of a site."""
    with transaction(dsn) as cursor:
        day = {"site": SITE, "visitors": VISITORS, "items": ITEMS, "events": MOST_KEPT - VISITORS}
        cursor.execute(_BUSY_DAY, day)


async def return_of_visitors(port: int, dsn: str) -> None:
    """Each release has answered many of them; the first of ``RELEASES`` is live."""
    await asyncio.sleep(READ_WITHIN)
    for release_id in reversed(RELEASES):
        await asyncio.to_thread(load.move, dsn, release_id)
        await asyncio.sleep(HEARD_WITHIN)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for visitor in range(RETURNING):
            writer.write(f"GET {ASK}early_{visitor} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            status, body = await load.response(reader)
            assert _look(status, body) == "200", body
        writer.close()


def stored(dsn: str) -> list[str]:
    """The ids of the soak's events that are in Postgres, as often as they are there."""
    with transaction(dsn) as cursor:
        cursor.execute("SELECT event_id FROM recsys.event WHERE site = %s AND event_id LIKE 's%%'", (SITE,))
        return [event_id for (event_id,) in cursor.fetchall()]


def show(seen: Seen, found: list[str], options: argparse.Namespace) -> None:
    """Prints what was seen."""
    sent = sum(count for name, count in seen.statuses.items() if name.startswith("events")) * TOGETHER
    answers = sum(count for name, count in seen.statuses.items() if name.startswith("answers"))
    seconds = options.minutes * 60
    print(f"\n{sent / seconds:,.0f} events/s, {answers / seconds:,.0f} answers/s for {options.minutes} minutes")
    print(f"answers by status: {dict(seen.statuses)}")
    print("\n| | p50 ms | p99 ms | p99.9 ms | slowest ms |\n| --- | --- | --- | --- | --- |")
    for kind, times in sorted(seen.milliseconds.items()):
        ordered = sorted(times)
        figures = [ordered[int((len(ordered) - 1) * share)] for share in (0.5, 0.99, 0.999, 1.0)]
        print(f"| {kind} | {' | '.join(f'{each:.1f}' for each in figures)} |")
    looks = [str(turn * options.every) for turn in range(1, len(seen.megabytes) + 1)]
    print(f"\n| after seconds | {' | '.join(looks)} |\n| --- |{' --- |' * len(looks)}")
    print(f"| MB of the workers | {' | '.join(f'{each:.0f}' for each in seen.megabytes)} |\n")
    twice, lost = len(found) - len(set(found)), len(seen.accepted - set(found))
    print(f"{len(seen.accepted):,} events were answered with 202; in Postgres: {lost} missing, {twice} more than once")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--every", type=int, default=60, help="seconds between two switches of the release")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--events", type=float, default=2000.0, help="a second")
    parser.add_argument("--answers", type=float, default=1000.0, help="a second")
    parser.add_argument("--empty", action="store_true", help="begin without a busy day")
    options = parser.parse_args()
    with stores("postgres") as (context, folder):
        for release_id in RELEASES:
            store_release(context, release_id, folder, write_files(folder, release_id, users=USERS, items=ITEMS))
            publish_release.run(site=SITE, release_id=release_id, context=context)
        load.move(context.dsn, RELEASES[0])
        if not options.empty:
            tell_of_a_busy_day(context.dsn)
        with web_service(context.settings, options.workers) as running:
            if not options.empty:
                asyncio.run(return_of_visitors(running.port, context.dsn))
            seen = asyncio.run(soak(running.port, running.pid, context.dsn, options))
            time.sleep(PATIENCE)
        show(seen, stored(context.dsn), options)


if __name__ == "__main__":
    main()
