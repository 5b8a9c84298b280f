"""Load from ``wrk`` (Debian's package of that name): as much as is answered, or so much a second."""

import re
import subprocess
import tempfile
from dataclasses import dataclass

CONNECTIONS = 32
_RANDOM_USER = """
math.randomseed(7)
request = function() return wrk.format("GET", "{path}" .. string.format("user_%08d", math.random(0, {last}))) end
"""
_BODY = """
wrk.method, wrk.headers["Content-Type"] = "POST", "application/json"
wrk.body = io.open("{path}"):read("*a")
"""
_WAIT = "delay = function() return math.random(0, {most}) end\n"


@dataclass(frozen=True)
class Question:
    """What is asked again and again."""

    path: str
    users: int = 0
    "Each time one of so many users is appended to the path; 0: the path is asked as it is."
    body: str = ""
    "The file whose content is posted."

    @property
    def script(self) -> str:
        """For wrk."""
        if self.body:
            return _BODY.format(path=self.body)
        return _RANDOM_USER.format(path=self.path, last=self.users - 1) if self.users else ""


@dataclass(frozen=True)
class Seen:
    """What wrk saw; every answer was a 2xx."""

    rate: float
    "Answers a second."
    median: float
    p99: float
    "Milliseconds from sending to the whole answer."


def peak(port: int, question: Question, seconds: int) -> Seen:
    """Each of the connections asks as soon as it was answered."""
    return _run(port, question, question.script, seconds)


def at_half(port: int, question: Question, full: float, seconds: int) -> Seen:
    """About half of ``full`` questions a second: each connection waits in between, for random times."""
    between = CONNECTIONS / (full / 2) * 1000
    return _run(port, question, question.script + _WAIT.format(most=max(1, round(2 * (between - 1)))), seconds)


def _run(port: int, question: Question, script: str, seconds: int) -> Seen:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        address = f"http://127.0.0.1:{port}{question.path}"
        words = [
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{seconds}",
            "--latency",
            "--timeout",
            "30s",
            "-s",
            file.name,
            address,
        ]
        said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"found failed requests:\n{said}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert rate is not None, said
    return Seen(float(rate[1]), _milliseconds(said, 50), _milliseconds(said, 99))


def _milliseconds(said: str, percent: int) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s)\s*$", said, re.MULTILINE)
    assert found is not None, said
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]
