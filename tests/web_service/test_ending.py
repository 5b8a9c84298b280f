import asyncio
import logging
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.web_service.test_standing import own  # noqa: F401 a fixture
from web_service.ending import end


def test_a_task_that_takes_a_cancellation_for_an_answer_is_told_again():
    async def deaf():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    async def main():
        tasks = [asyncio.create_task(deaf()), asyncio.create_task(asyncio.sleep(60))]
        await asyncio.sleep(0)
        await end(tasks)
        assert all(task.cancelled() for task in tasks)

    asyncio.run(main())


def test_a_task_that_had_failed_says_why(caplog):
    async def fails():
        raise ValueError("no more paper")

    async def main():
        task = asyncio.create_task(fails())
        await asyncio.sleep(0)
        await end([task])

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert "no more paper" in caplog.text


@pytest.mark.parametrize("after", [0.5, 1.5, 2.5])
def test_the_service_ends_whenever_it_is_told_to(own, after):  # noqa: F811
    settings = own.model_copy(update={"recsys_web_workers": 2})
    with subprocess.Popen([sys.executable, "-m", "web_service"], env=os.environ | settings.environment()) as started:
        time.sleep(after)
        started.send_signal(signal.SIGTERM)
        started.wait(60)
