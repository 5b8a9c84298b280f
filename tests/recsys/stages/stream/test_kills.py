"""The process that follows a topic is killed at any moment, again and again."""

import json
import os
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
from recsys.stages import consume_stream
print("begun", flush=True)
consume_stream.run(site="shop", until="forever")
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
    for piece in np.array_split(np.arange(MESSAGES), KILLS):
        kafka.produce(topic, (messages[number] for number in piece), timestamp=RECEIVED, partitions=3)
        with log.open("ab") as errors, _process(context, "-c", FOLLOW, stderr=errors) as process:
            assert process.stdout.readline() == b"begun\n", log.read_text()
            time.sleep(rng.uniform(0.0, 1.5))
            assert process.poll() is None, log.read_text()
            process.kill()
        landed.append(sum(file.last - file.first + 1 for file in landing.files()))
    assert len(set(landed)) > KILLS / 3  # many were killed at work
    last = _process(context, "-m", "recsys.cli", "stream", "--site", "shop", "--until-idle", "--json")
    report = json.loads(last.communicate(timeout=120)[0])
    assert (last.returncode, report["waiting"]) == (0, 0)
    found = counts(context)
    assert (found.rows_in, found.kept, found.duplicates, found.bad) == (MESSAGES, len(good), repeated, bad)
    assert set(found.quarantined) == {"not_json", "tombstone", "not_utf8", "unknown_event_type"}
    expected = pl.DataFrame([json.loads(messages[number]) for number in good]).sort(c.EVENT_ID)
    assert_frame_equal(
        kept(context).select(c.EVENT_ID, c.USER_ID, c.ITEM_ID, c.EVENT_TYPE, c.TIMESTAMP),
        expected.with_columns(pl.col(c.TIMESTAMP).str.to_datetime("%+", time_unit="us", time_zone="UTC")),
    )


def _process(context, *words, stderr=None):
    return subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=stderr, env=os.environ | context.settings.environment()
    )
