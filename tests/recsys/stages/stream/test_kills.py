"""The process that follows a topic is killed at any moment, again and again."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.datasets.landing import Landing
from tests.recsys.stages.stream.conftest import RECEIVED, counts, event, kept

MESSAGES = 200_000
KILLS = 10
FOLLOW = """
import os, sys
import dataframely, jinja2  # imported at first use; once for all children is enough
from recsys.stages import consume_stream

for _ in sys.stdin:
    child = os.fork()  # nothing runs in this process but the waiting
    if not child:
        print(os.getpid(), flush=True)
        consume_stream.run(site="shop", until="forever")
    os.waitpid(child, 0)
"""
BAD = ("{", None, b"\xff", event(0, event_type="gaze"))


def _messages(rng):
    """Good ones, good ones again, and bad ones; with the numbers of those that are good."""
    kinds = rng.choice(3, size=MESSAGES, p=[0.8, 0.1, 0.1])
    good = np.flatnonzero(kinds == 0)
    again = good[rng.integers(0, len(good), size=MESSAGES)]
    messages = [
        event(number, day=1 + number % 3)
        if kind == 0
        else event(old, day=1 + old % 3)
        if kind == 1
        else BAD[number % 4]
        for number, kind, old in zip(range(MESSAGES), kinds.tolist(), again.tolist(), strict=True)
    ]
    return messages, good.tolist(), int((kinds == 1).sum()), int((kinds == 2).sum())


def test_killed_at_ten_random_moments_every_good_event_is_there_once(kafka, topic, make_site):
    rng = np.random.default_rng(20260801)
    messages, good, repeated, bad = _messages(rng)
    context = make_site(land_seconds=0.2, land_messages=4000, ingest_seconds=0.3)
    landing = Landing(context.blobs, "shop", topic)
    log = context.settings.recsys_home / "stream.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    landed = []
    with log.open("ab") as errors, _process(context, "-c", FOLLOW, stdin=subprocess.PIPE, stderr=errors) as parent:
        for piece in np.array_split(np.arange(MESSAGES), KILLS):
            kafka.produce(topic, (messages[number] for number in piece), timestamp=RECEIVED, partitions=3)
            parent.stdin.write(b"follow\n")
            parent.stdin.flush()
            child = int(parent.stdout.readline())
            at_work, before, deadline = rng.random() < 0.7, _landed(landing), time.monotonic() + 240
            while at_work and _landed(landing) == before:  # a slow machine would have done nothing yet
                assert time.monotonic() < deadline
                time.sleep(0.1)
            time.sleep(rng.uniform(0.0, 1.5))
            os.kill(child, signal.SIGKILL)  # no such process: it ended by itself, see the log
            landed.append(_landed(landing))
    assert len(set(landed)) > KILLS / 3  # many were killed at work
    last = _process(context, "-m", "recsys.cli", "stream", "--site", "shop", "--until-idle", "--json")
    report = json.loads(last.communicate(timeout=400)[0])
    assert (last.returncode, report["waiting"]) == (0, 0)
    found = counts(context)
    assert (found.rows_in, found.kept, found.duplicates, found.bad) == (MESSAGES, len(good), repeated, bad)
    assert set(found.quarantined) == {"not_json", "tombstone", "not_utf8", "unknown_event_type"}
    expected = pl.DataFrame([json.loads(messages[number]) for number in good]).sort(c.EVENT_ID)
    assert_frame_equal(
        kept(context).select(c.EVENT_ID, c.USER_ID, c.ITEM_ID, c.EVENT_TYPE, c.TIMESTAMP),
        expected.with_columns(pl.col(c.TIMESTAMP).str.to_datetime("%+", time_unit="us", time_zone="UTC")),
    )


def test_sigterm_ends_the_command_in_good_order(kafka, topic, make_site):
    context = make_site(land_seconds=0.2)
    kafka.produce(topic, map(event, range(100)), partitions=3)
    process = _process(context, "-m", "recsys.cli", "stream", "--site", "shop", "--json")
    deadline = time.monotonic() + 240
    while _landed(Landing(context.blobs, "shop", topic)) < 100:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    report = json.loads(process.communicate(timeout=400)[0])
    assert (process.returncode, report["waiting"], report["days"]) == (0, 0, ["2026-08-01"])
    assert kept(context).height == 100


def _landed(landing):
    """Messages that lie there."""
    return sum(file.last - file.first + 1 for file in landing.files())


def _process(context, *words, **pipes):
    environment = os.environ | context.settings.environment()
    return subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, env=environment, **pipes)
