"""What a site's YAML says of its topic."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, StringConstraints, model_validator

from recsys.events.sources.mapping import Told
from recsys.events.stream.json_events import FIELDS, json_events
from recsys.events.stream.movielog import movielog
from recsys.events.stream.told import Format, fingerprint
from recsys.events.validation import Rules
from recsys.sites.config import QualityPolicy
from recsys.types import Frozen

Brokers = Annotated[str, StringConstraints(pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$")]
TopicName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]


class KafkaParams(Frozen):
    """Which topic, what its messages are, and how often they are put away. Passwords are in the environment."""

    bootstrap_servers: Brokers
    "host:port of some brokers, separated by commas."
    topic: TopicName
    format: Literal["json", "movielog"] = "json"
    "What a message is: a JSON object, or a log line of a film service."
    columns: dict[str, Told] = Field(default_factory=dict)
    "For json: by name of ours, the field of the messages, a.b is b within a; or column, constant, map, separator."
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    "How the brokers are spoken to."
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    "How user and password are shown, with security: sasl_…"
    max_message_bytes: PositiveInt = 1_000_000
    "A longer message is set aside; only its start is kept."
    land_seconds: PositiveFloat = 5.0
    "Messages are put away at least this often."
    land_messages: PositiveInt = 50_000
    "So many messages of one partition of the topic are put away at once."
    ingest_seconds: PositiveFloat = 300.0
    "How often the days that got messages are written again, while the stream is followed."
    patience_seconds: PositiveFloat = 300.0
    "How long a run waits for brokers that do not answer; one without an end waits for ever."

    @model_validator(mode="after")
    def _columns_are_known(self) -> "KafkaParams":
        strange = sorted(set(self.columns) - set(FIELDS))
        if strange or (self.columns and self.format != "json"):
            raise ValueError(
                f"columns: found {', '.join(strange) or f'some with format: {self.format}'}, "
                f"expected, with format: json, some of {', '.join(FIELDS)}"
            )
        return self

    @property
    def form(self) -> Format:
        """How a message is told as an event."""
        return json_events(self.columns) if self.format == "json" else movielog

    def told_by(self, quality: QualityPolicy) -> str:
        """Fingerprint of everything that says of which day a message is."""
        return fingerprint(self.format, self.model_dump(include={"columns"}), quality.earliest, quality.latest)


def sane_times(quality: QualityPolicy) -> Rules:
    """Which times are sane; everything else is judged later, with all other rows."""
    earliest, latest = date.fromisoformat(quality.earliest), date.fromisoformat(quality.latest)
    return Rules(event_types=(), earliest=earliest, latest=latest)
