"""Two hosts behind a real nginx, configured as in compose: whatever happens to one, no request fails."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from string import Template

import httpx
import psutil
import pytest

from recsys.local.ports import free_block
from recsys.testing.small_release import SITE
from tests.web_service.conftest import until
from tests.web_service.faulty import ASK, EVENTS, asking, patient, stored
from tests.web_service.test_standing import own  # noqa: F401 a fixture

TEMPLATE = Path(__file__).parents[2] / "web_service" / "proxy" / "nginx.conf.template"
pytestmark = pytest.mark.skipif(
    shutil.which("nginx") is None, reason="needs nginx (Debian: apt-get install nginx-light)"
)


class Host:
    """The service with a home of its own, as a process that can be ended, killed and started again."""

    def __init__(self, settings, home, *, workers):
        chosen = {"recsys_home": home, "recsys_web_port": free_block(1), "recsys_web_workers": workers}
        chosen["recsys_drain_seconds"] = 0.5
        self.settings = settings.model_copy(update=chosen)
        self._process = None

    def start(self):
        environment = os.environ | self.settings.environment()
        self._process = subprocess.Popen([sys.executable, "-m", "web_service"], env=environment, start_new_session=True)

    def wait(self):
        until(self._ready)

    def end(self):
        self._process.terminate()
        self._process.wait(60)

    def kill(self):
        """All of it, at once."""
        everyone = [*psutil.Process(self._process.pid).children(recursive=True), psutil.Process(self._process.pid)]
        for process in everyone:
            process.send_signal(signal.SIGKILL)
        self._process.wait()

    def _ready(self):
        try:
            return httpx.get(f"{self.settings.web_url}/health/ready").status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def nginx(folder, *hosts):
    """nginx before the hosts; gives its address."""
    folder.mkdir()
    port = free_block(1)
    servers = [f"server 127.0.0.1:{host.settings.recsys_web_port} max_fails=3 fail_timeout=1s;" for host in hosts]
    filled = Template(TEMPLATE.read_text()).safe_substitute(
        RECSYS_PROXY_HOME=folder,
        RECSYS_PROXY_LISTEN=f"127.0.0.1:{port}",
        RECSYS_PROXY_TLS="",
        RECSYS_PROXY_HOSTS=" ".join(servers),
    )
    (folder / "nginx.conf").write_text(filled)
    with subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]) as started:
        try:
            until(lambda: _connects(port))
            yield f"http://127.0.0.1:{port}"
        finally:
            started.terminate()


@pytest.fixture
def hosts(own, tmp_path):  # noqa: F811
    made = [Host(own, tmp_path / name, workers=workers) for name, workers in (("one", 2), ("two", 1))]
    for host in made:
        host.start()
    try:
        for host in made:
            host.wait()
        yield made
    finally:
        for host in made:
            host.end()


def test_hosts_are_restarted_one_after_the_other_and_one_is_killed(hosts, own, tmp_path, seconds_of):  # noqa: F811
    one, other = hosts
    with nginx(tmp_path / "nginx", *hosts) as url:
        with asking(url) as told:
            for host in hosts:
                time.sleep(2)  # longer than nginx leaves a host alone that failed
                host.end()
                host.start()
                host.wait()
            time.sleep(2)
            one.kill()
            time.sleep(2)
            one.start()
            one.wait()
            time.sleep(seconds_of(1, 10))
        until(lambda: set(told.accepted) <= stored(own))
        one.end()
        other.end()
        nobody = httpx.get(url + ASK, timeout=60)
        one.start()
        other.start()
    assert told.faults == []
    assert len(told.answers) > 100
    assert len(told.accepted) > 100
    assert (nobody.status_code, nobody.json()["type"]) == (503, "urn:recsys:problem:unreachable")


def test_the_proxy_adds_what_hosts_need_and_keeps_what_is_theirs(hosts, own, tmp_path):  # noqa: F811
    with nginx(tmp_path / "nginx", *hosts) as url, patient(url) as client:
        assert client.get("/metrics").status_code == 404
        large = client.post(EVENTS, content=b"[" + b" " * (5 << 20) + b"]")
        assert (large.status_code, large.json()["type"]) == (413, "urn:recsys:problem:too-large")
        event = {"user_id": "anna", "item_id": "i01", "event_type": "view"}

        def told():
            return client.post(EVENTS, json=[event, event], headers={"Idempotency-Key": "k1"}).json()

        first = told()
        assert first["accepted"] == 2
        until(lambda: told()["duplicates"] == 2)  # at once, unless Postgres was too slow just now
        assert told()["event_ids"] == first["event_ids"]
        assert client.post(EVENTS, json=event).json()["accepted"] == 1
        assert client.post(EVENTS, json=event).json()["accepted"] == 1
        assert client.post(EVENTS, json=[event] * 1000).json()["accepted"] == 1000
        similar = client.get(f"/v1/{SITE}/items/a%2Fb%20c/similar")
        assert (similar.status_code, similar.json()["type"]) == (404, "urn:recsys:problem:unknown-item")


def test_the_configuration_takes_tls(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    make = [*make.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(make, check=True, capture_output=True)
    filled = Template(TEMPLATE.read_text()).safe_substitute(
        RECSYS_PROXY_HOME=tmp_path,
        RECSYS_PROXY_LISTEN="127.0.0.1:1443 ssl",
        RECSYS_PROXY_TLS=f"ssl_certificate {certificate}; ssl_certificate_key {key};",
        RECSYS_PROXY_HOSTS="server 127.0.0.1:1;",
    )
    (tmp_path / "nginx.conf").write_text(filled)
    command = ["nginx", "-t", "-q", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (tested.returncode, tested.stderr) == (0, "")


def _connects(port):
    try:
        httpx.get(f"http://127.0.0.1:{port}/metrics")
    except httpx.TransportError:
        return False
    return True
