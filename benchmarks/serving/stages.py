"""Where the microseconds of one answer go: each stage asked alone, in one process, without a socket."""

import asyncio
import gc
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from benchmarks.releases.made import SITE
from benchmarks.serving.site import ACTIVE, user
from recsys.layout import Settings
from recsys.serving.impressions import as_shown
from recsys.serving.reading import ANYTHING
from web_service.answering import Answered, Question, Wish, answer
from web_service.app import create_app
from web_service.arms import UNTREATED
from web_service.quick import Quick, way_of
from web_service.responses import as_bytes
from web_service.surroundings import Surroundings

ASKED = 500
TURNS = 8
"Each stage is asked so many times of all; the least of the times counts."


def request(path: str, query: str = "") -> Scope:
    """What the server makes of a GET."""
    return {
        **{"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET"},
        **{"server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 50000), "scheme": "http", "root_path": ""},
        **{"path": path, "raw_path": path.encode(), "query_string": query.encode(), "state": {"request_id": "r"}},
        "headers": [(b"host", b"127.0.0.1:8000")],
    }


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Message) -> None:
    """Goes nowhere."""


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def show(settings: Settings) -> None:
    """Prints a row for each stage, on the release that is live in these settings."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        while SITE not in app.state.services.standing.live():
            await asyncio.sleep(0.1)
        found = await _measure(await _stages(app))
    found["the rest: layers between, limits, what is not at hand"] = found[WHOLE] - sum(found[name] for name in PARTS)
    print("| stage | µs |\n| --- | --- |")
    for name, microseconds in found.items():
        print(f"| {name} | {microseconds:.1f} |", flush=True)


WHOLE = "an answer, whole"
PARTS = (
    "surroundings: id, headers, time, count",
    "read: address, key, query, site",
    "what the user did",
    "slate and shelf",
    "blend",
    "show",
    "JSON",
    "count the answer",
    "note the impression",
)


async def _stages(app: Any) -> dict[str, Callable[[int], Awaitable[object]]]:
    """Each stage, for the n-th of some users, by name; first the whole of an empty route and of an answer."""
    service = app.state.services
    site, standing, reader = service.sites.get(SITE), service.standing, service.standing.reader(SITE)
    rng = random.Random(7)
    users = [user(rng.randrange(ACTIVE)) for _ in range(ASKED)]
    path, now = f"/v1/{SITE}/recommendations", datetime.now(UTC)
    policy = site.serving

    async def activity(number: int) -> Any:
        bought_by = policy.purchase_event
        return await standing.activity(SITE, users[number], events=policy.online_events, bought_by=bought_by)

    async def read_release(number: int) -> Any:
        slate = await reader.slate(users[number])
        question = Question(site, wishes[number], activities[number], slate, now, UNTREATED)
        return question, await reader.shelf(similar_to=question.similar_to, filters=ANYTHING, slates=[slate])

    everyone = range(ASKED)
    wishes = [Wish(each, 10) for each in users]
    activities = [await activity(number) for number in everyone]
    questions = [await read_release(number) for number in everyone]
    chosen = [question.choose(shelf) for question, shelf in questions]
    answers = [await answer(standing, site, wish, request_id="r", now=now) for wish in wishes]
    quick, surroundings = Quick(_nothing, app.state), Surroundings(_nothing, service.telemetry)

    def asked(number: int) -> Scope:
        return request(path, f"k=10&user_id={users[number]}")

    def read(number: int) -> object:
        scope = asked(number)
        way, asked_site = way_of(scope), quick.site(scope)
        assert way is not None
        assert asked_site is not None
        return way.read(scope["query_string"])

    def count(found: Answered) -> None:
        service.telemetry.count_answer(found.answer, "blended", 10, asker=found.asker, from_tables=found.from_tables)

    async def now_and_then(work: Callable[[int], object], number: int) -> object:
        return work(number)

    def later(work: Callable[[int], object]) -> Callable[[int], Awaitable[object]]:
        return lambda number: now_and_then(work, number)

    return {
        "an empty route, whole": lambda number: app(request("/health/live"), _receive, _send),
        WHOLE: lambda number: app(asked(number), _receive, _send),
        PARTS[0]: lambda number: surroundings(asked(number), _receive, _send),
        PARTS[1]: later(read),
        PARTS[2]: activity,
        PARTS[3]: read_release,
        PARTS[4]: later(lambda number: questions[number][0].choose(questions[number][1])),
        PARTS[5]: later(lambda number: questions[number][0].answer(*chosen[number], reader, "r")),
        PARTS[6]: later(lambda number: as_bytes(answers[number].answer)),
        PARTS[7]: later(lambda number: count(answers[number])),
        PARTS[8]: later(lambda number: service.impressions.note(as_shown(answers[number].answer, now))),
    }


async def _measure(stages: dict[str, Callable[[int], Awaitable[object]]]) -> dict[str, float]:
    """Microseconds of processor time by stage."""
    least: dict[str, float] = {}
    for _ in range(TURNS):
        for name, stage in stages.items():
            gc.collect()
            began = time.process_time()
            for number in range(ASKED):
                await stage(number)
            taken = (time.process_time() - began) / ASKED * 1e6
            least[name] = min(taken, least.get(name, taken))
            await asyncio.sleep(0.1)  # impressions are written
    return least
