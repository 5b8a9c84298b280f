"""One server of the embedded platform, described; nothing here starts anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
"""The folder that holds dags/, plugins/ and web_service/."""


def nothing() -> None:
    """Need no preparation."""


@dataclass(frozen=True)
class Server:
    """What has to be known of a server to start it, to wait for it and to stop it."""

    name: str
    command: tuple[str, ...]
    "Run in the foreground; holds no secret, because anyone may read a command line."
    probe: Callable[[], None]
    "Returns when the server answers; raises what its client raised when not yet, ConfigError when it never will."
    environment: Mapping[str, str] = field(default_factory=dict)
    "Added to what Settings says; secrets travel here."
    needs: tuple[str, ...] = ()
    "Servers that must answer first."
    ports: Mapping[str, int] = field(default_factory=dict)
    "The ports it listens on, each under the name of the setting that changes it."
    prepare: Callable[[], None] = nothing
    "Called once what it needs answers, before the server starts; safe to repeat."
    system_user: str | None = None
    "Whom the server runs as when the platform is started by root; None: root itself."
    stop_signal: str = "TERM"
