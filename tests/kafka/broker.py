"""A real broker for tests: Apache Kafka in KRaft mode, one process, made of its published jars.

Maven resolves the jars of ``pom.xml``, checks their checksums and leaves them in a folder of the user's cache, once.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from recsys.local.ports import free_block

POM = Path(__file__).with_name("pom.xml")
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
JAVA = ("java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
STARTS_WITHIN = 300.0
"Seconds."
ANSWERS_WITHIN = 120.0
"Seconds."
LAST_WORDS = 2000
"Characters of the log that an error shows."

Message = bytes | str | None


class Broker:
    """One broker and controller in one process, on loopback, with its data in ``folder``."""

    def __init__(self, folder: Path, jars: Path) -> None:
        self.folder = folder
        self._jars = jars
        port = free_block(2)
        self.bootstrap_servers = f"127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._properties = folder / "server.properties"
        self._properties.write_text(
            f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{port + 1}
listeners=PLAINTEXT://{self.bootstrap_servers},CONTROLLER://127.0.0.1:{port + 1}
controller.listener.names=CONTROLLER
log.dirs={folder / "data"}
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
log.cleaner.enable=false
"""
        )
        self._java("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(self._properties))

    def start(self) -> None:
        """Afterwards it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*JAVA, "-cp", f"{self._jars}/*", "kafka.Kafka", str(self._properties)],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.admin.list_topics(timeout=1)
            except KafkaException:
                continue
            return
        self.stop()
        raise RuntimeError(f"the broker did not start:\n{(self.folder / 'log').read_text()[-LAST_WORDS:]}")

    def stop(self) -> None:
        """Afterwards there is no process; what was acknowledged stays on disk."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    @property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})

    def create_topic(self, topic: str, *, partitions: int = 1, **config: str) -> None:
        """Afterwards everybody sees the topic, empty; it keeps messages of any age."""
        named = {"retention.ms": "-1"} | {name.replace("_", "."): value for name, value in config.items()}
        self._patiently(lambda: self._make(NewTopic(topic, partitions, 1, config=named)))
        self._patiently(lambda: self._leads(topic) == partitions)

    def delete_topic(self, topic: str) -> None:
        """Afterwards nobody sees the topic."""
        admin = self.admin
        admin.delete_topics([topic])[topic].result(timeout=ANSWERS_WITHIN)
        self._patiently(lambda: topic not in admin.list_topics(timeout=ANSWERS_WITHIN).topics)

    def produce(self, topic: str, messages: Iterable[Message], *, timestamp: int = 0, partitions: int = 1) -> None:
        """Appends the messages, in turn to each partition; all are acknowledged afterwards.

        Args:
            topic: an existing topic.
            messages: None is a tombstone.
            timestamp: the broker's time of each, in milliseconds since 1970; 0: now.
            partitions: how many partitions of the topic are used.
        """
        refused: list[str] = []
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "linger.ms": 20,
                "message.max.bytes": 8_000_000,
                "log_level": 0,
            }
        )
        for number, message in enumerate(messages):
            while True:
                try:
                    producer.produce(
                        topic,
                        message,
                        partition=number % partitions,
                        timestamp=timestamp,
                        on_delivery=lambda error, _: refused.append(str(error)) if error else None,
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(ANSWERS_WITHIN) == 0
        assert refused == []

    def _make(self, topic: NewTopic) -> bool:
        """False: a broker that stood still for a moment takes nothing for a moment."""
        admin = self.admin  # it is needed until there is a result
        try:
            admin.create_topics([topic])[topic.topic].result(timeout=ANSWERS_WITHIN)
        except KafkaException as fault:
            if fault.args[0].code() != KafkaError.INVALID_REPLICATION_FACTOR:
                raise
            return False
        return True

    def _leads(self, topic: str) -> int:
        """How many partitions of the topic can be read and written."""
        found = self.admin.list_topics(topic, timeout=ANSWERS_WITHIN).topics[topic]
        return sum(each.leader >= 0 and each.error is None for each in found.partitions.values())

    @staticmethod
    def _patiently(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + ANSWERS_WITHIN
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _java(self, *words: str) -> None:
        done = subprocess.run(
            [*JAVA, "-cp", f"{self._jars}/*", *words], capture_output=True, text=True, check=False, cwd=self.folder
        )
        if done.returncode:
            raise RuntimeError(f"{words[0]}: {done.stdout[-LAST_WORDS:]}{done.stderr[-LAST_WORDS:]}")


def missing_tool() -> str | None:
    """Why no broker can be started here; None where one can."""
    tool = next((tool for tool in ("java", "mvn") if shutil.which(tool) is None), None)
    return f"a Kafka broker needs {tool}, which is not installed" if tool else None


def jars() -> Path:
    """The folder with the jars; Maven fetches them when they are not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recsys-tests"
    folder = cache / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if not folder.is_dir():
        aside = folder.with_suffix(f".{os.getpid()}")
        resolve = ["mvn", "-B", "-q", "-f", str(POM), "--strict-checksums", COPY_JARS]
        done = subprocess.run(
            [*resolve, "-DincludeScope=runtime", f"-DoutputDirectory={aside}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"Maven could not fetch Kafka: {done.stdout[-LAST_WORDS:]}{done.stderr[-LAST_WORDS:]}")
        try:
            aside.rename(folder)
        except OSError:
            shutil.rmtree(aside)  # another session was faster
    return folder


@contextmanager
def running(folder: Path) -> Iterator[Broker]:
    """A broker that answers, and is gone afterwards."""
    broker = Broker(folder, jars())
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
