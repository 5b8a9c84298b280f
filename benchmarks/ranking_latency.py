"""What the ranker at request time costs: answers a second and milliseconds, with it and without, of one worker.

    python -m benchmarks.ranking_latency

The release and the visits are those of ``benchmarks.online_ranking``, demo_shop; each request names a user and what the
user just looked at. The load comes from ``wrk`` on the same machine; latencies are at half of each one's own peak.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import httpx

from benchmarks.online_ranking import ASKED, replayed, visits_of
from benchmarks.releases.__main__ import stores
from benchmarks.serving.asking import Question, at_half, peak
from benchmarks.serving.processes import Running, serving
from recsys.layout import Settings
from recsys.local.ports import free_block
from recsys.serving import publishing

NAME = "demo_shop"
SECONDS = 8
ASKING = 500
"Different users."
SETTLED = 15.0
"Seconds until a worker has snapshot and ranker."


@dataclass(frozen=True)
class AnyOf(Question):
    """Each time another of these paths is asked."""

    paths: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        listed = ", ".join(f'"{path}"' for path in self.paths)
        return f"""
paths, number = {{{listed}}}, 0
request = function() number = number % #paths + 1; return wrk.format("GET", paths[number]) end
"""


@contextmanager
def web_service(settings: Settings, ready: str) -> Iterator[Running]:
    """One worker, which has opened what it answers from."""
    port = free_block(1)
    chosen = settings.model_copy(update={"recsys_web_port": port, "recsys_web_workers": 1})
    with serving([sys.executable, "-m", "web_service"], chosen.environment(), port, ready) as running:
        time.sleep(SETTLED)
        yield running


def unranked(port: int) -> str:
    """By kind, answers that were blended although the site wants them ranked."""
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text.splitlines()
    found = [line for line in lines if line.startswith("recsys_unranked_answers_total")]
    return ", ".join(line.partition('kind="')[2].replace(f'",site="{NAME}"}}', "") for line in found) or "–"


def main() -> None:
    """Prints a table."""
    with stores("postgres") as (context, folder):
        made, _, after = replayed(context, folder, NAME, timedelta(days=7))
        publishing.activate(context.dsn, NAME, NAME, made.manifest.as_of)
        known = set(made.moment.users)
        visits = [visit for visit in visits_of(after, made.log.site) if visit.user in known]
        asked = [
            {"user_id": visit.user, "k": 10, "recent": ",".join(item for item, *_ in reversed(visit.signals))}
            for visit in visits[:ASKING]
        ]
        question = AnyOf("/", paths=tuple(f"/v1/{NAME}/recommendations?{urlencode(one)}" for one in asked))
        print("| answers | answers/s | p50 / p99 ms at half | not ranked |\n| --- | --- | --- | --- |")
        path = context.settings.sites_dir / f"{NAME}.yaml"
        ranked = path.read_text()
        for name, text in (("blended", ranked.replace(ASKED, "")), ("ranked", ranked)):
            path.write_text(text)
            with web_service(context.settings, question.paths[0]) as running:
                full = peak(running.port, question, SECONDS)
                half = at_half(running.port, question, full.rate, SECONDS)
                print(f"| {name} | {full.rate:,.0f} | {half.median:.1f} / {half.p99:.1f} | {unranked(running.port)} |")


if __name__ == "__main__":
    main()
