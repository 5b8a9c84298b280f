"""How long a prediction takes inside a process, without HTTP: no frame library, raw events or rows in."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.serving.predicting.clicks import ClickProbability
from recsys.serving.predicting.intent import PurchaseIntent
from recsys.serving.predicting.session import SessionEvent
from recsys.testing.clicks import CLICK

MANY = 1000
REPEATS = {1: 2000, MANY: 60}
Call = Callable[[int], object]


def calls(
    intent: PurchaseIntent,
    ctr: ClickProbability,
    sessions: Sequence[Sequence[SessionEvent]],
    rows: list[dict[str, Any]],
) -> list[tuple[str, int, Call]]:
    """Name, rows, and what is called with the number of the call; MANY sessions and rows are given."""
    return [
        ("intent", 1, lambda n: intent.predict([sessions[n % MANY]])),
        ("intent", MANY, lambda n: intent.predict(sessions)),
        ("ctr", 1, lambda n: ctr.predict([rows[n % MANY]])),
        ("ctr", MANY, lambda n: ctr.predict(rows)),
    ]


def sent_rows(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """MANY rows as a client sends them."""
    return rows.head(MANY).drop(CLICK).with_columns(pl.col(c.TIMESTAMP).dt.to_string("iso:strict")).to_dicts()


def seconds(call: Call, rows: int) -> list[float]:
    """Of each of many calls."""
    return [_seconds(call, n) for n in range(REPEATS[rows])]


def latency_table(found: list[tuple[str, int, Call]]) -> str:
    """Markdown: milliseconds of one call, p50 and p99, and rows a second."""
    lines = ["| predictor | rows a call | p50 ms | p99 ms | rows/s |", "| --- | --- | --- | --- | --- |"]
    for name, size, call in found:
        p50, p99 = np.quantile(seconds(call, size), [0.5, 0.99])
        lines.append(f"| {name} | {size:,} | {1000 * p50:.2f} | {1000 * p99:.2f} | {size / p50:,.0f} |")
    return "\n".join(lines)


def _seconds(call: Call, n: int) -> float:
    began = time.perf_counter()
    call(n)
    return time.perf_counter() - began
