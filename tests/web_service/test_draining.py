"""A service that is told to end under load: it is not ready first, answers everybody, and then is gone."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager

import httpx

from recsys.local.ports import free_block
from recsys.testing.small_release import SITE
from tests.web_service.conftest import until
from tests.web_service.faulty import Patient, patient
from tests.web_service.test_standing import own  # noqa: F401 - a fixture
from tests.web_service.test_taking import viewed

ASK = f"/v1/{SITE}/recommendations?user_id=anna"


@contextmanager
def started(settings):
    """The service as a process of its own: its address and the process."""
    port = free_block(1)
    environment = settings.model_copy(update={"recsys_web_port": port}).environment()
    process = subprocess.Popen([sys.executable, "-m", "web_service"], env=os.environ | environment)
    try:
        with patient(f"http://127.0.0.1:{port}") as client:
            until(lambda: answers(client, f"http://127.0.0.1:{port}") == 200)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


class Balancer:
    """Sends to the first host that is ready, as its last look at ``/health/ready`` said; clients keep connections."""

    def __init__(self, addresses):
        self.ready = dict.fromkeys(addresses, True)
        self.failed, self.answered = [], dict.fromkeys(addresses, 0)
        self.asked = {}
        "Where each client went last."
        self.ended = threading.Event()

    def look(self):
        with httpx.Client(timeout=60) as client:
            while not self.ended.is_set():
                for address in self.ready:
                    self.ready[address] = answers(client, address) == 200
                time.sleep(0.05)

    def ask(self, number):
        me = number
        with httpx.Client(transport=Patient(), timeout=60) as client:
            while not self.ended.is_set():
                number += 1000
                address = self.asked[me] = next(address for address, ready in self.ready.items() if ready)
                try:
                    reply = client.get(address + ASK)
                    told = client.post(f"{address}/v1/{SITE}/events", json=viewed(number))
                except httpx.TransportError as fault:
                    self.failed.append(repr(fault))
                    continue
                self.answered[address] += 2
                self.failed += [each.text for each in (reply, told) if not each.is_success]


def answers(client, address):
    try:
        return client.get(f"{address}/health/ready").status_code
    except httpx.TransportError:
        return None


def test_a_host_that_is_told_to_end_fails_nobody(own):  # noqa: F811
    settings = own.model_copy(update={"recsys_drain_seconds": 600.0})
    with ExitStack() as stack:
        first, leaving = stack.enter_context(started(settings))
        second, _ = stack.enter_context(started(settings))
        balancer = Balancer([first, second])
        threads = [threading.Thread(target=balancer.look)]
        threads += [threading.Thread(target=balancer.ask, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        stack.callback(lambda: [thread.join() for thread in threads])
        stack.callback(balancer.ended.set)
        until(lambda: balancer.answered[first] > 100)
        leaving.send_signal(signal.SIGTERM)
        until(lambda: not balancer.ready[first])
        with patient(first) as late:
            assert late.get("/health/ready").json()["detail"] == "the service is about to end"
            assert late.get("/health/live").status_code == 200
            answer = late.get(ASK)
            assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        until(lambda: set(balancer.asked.values()) == {second})
        leaving.send_signal(signal.SIGTERM)  # as when the time has passed
        assert leaving.wait(60) in (0, -signal.SIGTERM)
        until(lambda: balancer.answered[second] > 100)
    assert balancer.failed == []


def test_the_waiting_ends_by_itself(own):  # noqa: F811
    with started(own.model_copy(update={"recsys_drain_seconds": 0.5})) as (_, leaving):
        begin = time.monotonic()
        leaving.send_signal(signal.SIGTERM)
        leaving.wait(60)
    assert time.monotonic() - begin >= 0.5


def test_a_second_signal_ends_the_waiting(own):  # noqa: F811
    with started(own.model_copy(update={"recsys_drain_seconds": 600.0})) as (address, leaving):
        leaving.send_signal(signal.SIGTERM)
        with patient(address) as client:
            until(lambda: answers(client, address) == 503)
        assert leaving.poll() is None
        leaving.send_signal(signal.SIGTERM)
        leaving.wait(60)
