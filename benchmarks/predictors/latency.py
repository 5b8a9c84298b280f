"""How long a prediction takes over HTTP, beside an empty route of the same server and MLflow's scoring server.

    python -m benchmarks.predictors.latency [--quick]

Two models with every default of a site are made of simulated sessions and rows, published, and asked for: one question
after another, one worker, one connection. *Own* is what the model itself takes in the same process, *times* is p50
over that of the empty route and *own* together. MLflow serves the same click model from the same files, as the
platform registers it. Of users, whose sessions have three views of items and more, each is asked about again and
again, and right after another event. ``--quick`` learns from less and asks less.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import numpy as np
import polars as pl

from benchmarks.predictors import sets
from benchmarks.predictors.asking import Waited, request, waited
from benchmarks.predictors.in_process import MANY, calls, seconds, sent_rows
from benchmarks.releases.__main__ import stores
from benchmarks.releases.made import SITE
from benchmarks.serving.__main__ import web_service
from benchmarks.serving.processes import Running, serving
from benchmarks.serving.site import EMPTY, publish, user
from recsys.local.ports import free_block
from recsys.predictors.ctr import fit_ctr
from recsys.predictors.intent import fit_intent
from recsys.releases import registered_predictor
from recsys.serving import publishing
from recsys.serving.predicting.clicks import ClickProbability
from recsys.serving.predicting.intent import PurchaseIntent
from recsys.serving.predicting.session import SessionEvent
from recsys.sites.predictor_policy import IntentPolicy
from recsys.testing.buying import drawn_sessions

HEAD = ("server", "asked", "rows", "p50 ms", "p99 ms", "own ms", "times", "rows/s")
USERS = 1000
TYPES = "view,view,cart,view"
LIVE = [SessionEvent("view", 300.0 * n, f"a{n:05}", "books", float(n)) for n in range(3)]
"""A session that users have."""


def models(folder: Path, rows: int) -> tuple[PurchaseIntent, ClickProbability, pl.DataFrame]:
    """Both models, saved in ``folder``, and rows to ask for."""
    rng = np.random.default_rng(7)
    sessions = drawn_sessions(rows // 10, rng=rng)
    intent = fit_intent(sessions, sets.RULES, IntentPolicy(), rng=rng).model
    clicks = sets.simulated_rows(rows)
    ctr = fit_ctr(clicks.rows, clicks.policy).model
    intent.save(folder / "intent")
    ctr.save(folder / "ctr")
    return intent, ctr, clicks.rows


def activate(dsn: str, folder: Path) -> None:
    """Both answer from now on."""
    now = datetime.now(UTC)
    for surface in ("intent", "ctr"):
        publishing.record_release(dsn, SITE, surface, as_of=now, at=now, state="gated", surface=surface)
        publishing.publish_model(dsn, SITE, surface, folder / surface)
        publishing.activate(dsn, SITE, surface, now)


@contextmanager
def scoring_server(folder: Path) -> Iterator[Running]:
    """MLflow's, with the click model as the platform registers it."""
    made, port = folder / "mlflow", free_block(1)
    registered_predictor.save_model(str(made), mlflow_model=mlflow.models.Model(), folder=folder / "ctr", surface="ctr")
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--port", str(port)]
    command += ["--model-uri", str(made), "--workers", "1"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it starts uvicorn by its name
    with serving(command, {"PATH": path}, port, "/ping") as running:
        yield running


def line(server: str, asked: str, rows: int, found: Waited, own: float | None = None, empty: float = 0.0) -> None:
    """Prints a row of the table."""
    times = "–" if own is None else f"{found.p50 / (empty + own):.1f}"
    cells = [server, asked, f"{rows:,}" if rows else "–", f"{found.p50:.2f}", f"{found.p99:.2f}"]
    cells += ["–" if own is None else f"{own:.2f}", times, f"{1000 * rows / found.p50:,.0f}" if rows else "–"]
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    often, seldom, rows = (500, 20, 20_000) if options.quick else (4000, 100, 200_000)
    with stores("postgres") as (context, _), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        intent, ctr, table = models(folder, rows)
        publish(context, folder / "release", USERS)
        activate(context.dsn, folder)
        sent = sent_rows(table)
        told = [[SessionEvent(each) for each in TYPES.split(",")]] * MANY
        lived = ("live intent", 1, lambda n: intent.predict([LIVE]))
        own = {
            (name, size): 1000 * float(np.median(seconds(call, size)))
            for name, size, call in [*calls(intent, ctr, told, sent), lived]
        }
        print(f"| {' | '.join(HEAD)} |\n| {' | '.join(['---'] * len(HEAD))} |")
        ask = f"/v1/{SITE}"
        users = [user(n) for n in range(often // 4)]
        of_users = [request(f"{ask}/intent?user_id={each}") for each in users]
        views = [
            request(f"{ask}/events", {"user_id": each, "item_id": "a00007", "event_type": "view"}) for each in users
        ]
        with web_service(context.settings, 1) as running:
            empty = waited(running.port, [request(EMPTY)], often)
            line("ours", "nothing (`/health/live`)", 0, empty)
            for asked, size, requests, before, of in (
                ("`/intent?session=`", 1, [request(f"{ask}/intent?session={TYPES}")], [], "intent"),
                ("`/intent?user_id=`", 1, of_users, [], "live intent"),
                ("`/intent?user_id=` after an event", 1, of_users, views, "live intent"),
                ("`/ctr`", 1, [request(f"{ask}/ctr", {"rows": [row]}) for row in sent], [], "ctr"),
                ("`/ctr`", MANY, [request(f"{ask}/ctr", {"rows": sent})], [], "ctr"),
            ):
                found = waited(running.port, requests, often if size == 1 else seldom, before=before)
                line("ours", asked, size, found, own[of, size], empty.p50)
        with scoring_server(folder) as running:
            line("MLflow", "nothing (`/ping`)", 0, waited(running.port, [request("/ping")], often // 4))
            for some, repeats in ((sent[:1], often // 8), (sent, seldom)):
                records = request("/invocations", {"dataframe_records": some})
                line("MLflow", "`/invocations`", len(some), waited(running.port, [records], repeats))


if __name__ == "__main__":
    main()
