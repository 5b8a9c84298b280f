"""How long a prediction takes inside a process, without HTTP: no frame library, raw events or rows in."""

import time
from collections.abc import Callable

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.predictors.intent import Session
from recsys.serving.predicting.clicks import ClickProbability
from recsys.serving.predicting.intent import PurchaseIntent
from recsys.testing.clicks import CLICK

REPEATS = {1: 2000, 1000: 60}


def latency_table(intent: PurchaseIntent, sessions: list[Session], ctr: ClickProbability, rows: pl.DataFrame) -> str:
    """Markdown: milliseconds of one call, p50 and p99, and rows a second."""
    asked = [session.events for session in sessions[:1000]]
    sent = rows.head(1000).drop(CLICK).with_columns(pl.col(c.TIMESTAMP).dt.to_string("iso:strict")).to_dicts()
    calls: list[tuple[str, int, Callable[[int], object]]] = [
        ("intent", 1, lambda n: intent.predict([asked[n % 1000]])),
        ("intent", 1000, lambda n: intent.predict(asked)),
        ("ctr", 1, lambda n: ctr.predict([sent[n % 1000]])),
        ("ctr", 1000, lambda n: ctr.predict(sent)),
    ]
    lines = ["| predictor | rows a call | p50 ms | p99 ms | rows/s |", "| --- | --- | --- | --- | --- |"]
    for name, size, call in calls:
        p50, p99 = np.quantile([_seconds(call, n) for n in range(REPEATS[size])], [0.5, 0.99])
        lines.append(f"| {name} | {size:,} | {1000 * p50:.2f} | {1000 * p99:.2f} | {size / p50:,.0f} |")
    return "\n".join(lines)


def _seconds(call: Callable[[int], object], n: int) -> float:
    began = time.perf_counter()
    call(n)
    return time.perf_counter() - began
