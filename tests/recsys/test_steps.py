"""What a run says of its cost."""

import logging
import time

import pytest

from recsys.steps import Steps


def test_steps_are_taken_down_in_order_with_rows_seconds_and_memory(caplog: pytest.LogCaptureFixture):
    steps, began = Steps(), time.perf_counter()
    with caplog.at_level(logging.INFO, logger="recsys.steps"):
        with steps.measured("read") as rows:
            rows += [2, 3]
        with steps.of("monday").measured("fit als"):
            kept = bytearray(30_000_000)
    read, fitted = steps.ended
    assert (read.step, read.rows, fitted.step, fitted.rows) == ("read", 5, "monday: fit als", 0)
    assert 0 < read.seconds < time.perf_counter() - began
    assert fitted.peak_bytes >= len(kept)
    assert [record.message.split(" ")[0] for record in caplog.records] == ["read", "read:", "monday:", "monday:"]


def test_a_step_that_fails_did_not_end():
    steps = Steps()
    with pytest.raises(ZeroDivisionError), steps.measured("divide"):
        _ = 1 / 0
    assert steps.ended == []
