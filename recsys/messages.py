"""Messages to people: one text to every address, by Telegram, Slack, e-mail, a webhook or what else Apprise knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["info", "success", "warning", "failure"]
"""What a channel may show as a color or a picture."""


@dataclass(frozen=True)
class Message:
    """What is told: a line, and lines below it."""

    title: str
    body: str
    kind: Kind


@dataclass(frozen=True)
class Delivery:
    """What became of a message; addresses are not named, because they hold secrets."""

    told: int
    "Addresses that took it."
    missed: int
    "Addresses that could not be reached, or refused it."
    unknown: tuple[int, ...]
    "Positions, from 1, of addresses that are of no known kind."


def send(message: Message, addresses: Sequence[str]) -> Delivery:
    """The message was sent once to every address, whether or not the others took it.

    Args:
        message: what is told.
        addresses: in the form of Apprise, such as ``tgram://token/chat``. Apprise's logger, ``apprise``, names those
            that it does not understand.
    """
    from apprise import Apprise, NotifyType

    told = missed = 0
    unknown = []
    for position, address in enumerate(addresses, start=1):
        channel = Apprise()
        if not channel.add(address):
            unknown.append(position)
        elif channel.notify(message.body, title=message.title, notify_type=NotifyType(message.kind)):
            told += 1
        else:
            missed += 1
    return Delivery(told, missed, tuple(unknown))
