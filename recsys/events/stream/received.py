"""Messages as rows, before anything is known of their format."""

from collections.abc import Sequence
from typing import Final

import polars as pl
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from recsys import columns as c
from recsys.events.schema import TIME
from recsys.events.stream.landed import MESSAGES

TOMBSTONE: Final = "tombstone"
"A message without content: it deletes an earlier one of the same key."
NOT_UTF8: Final = "not_utf8"
TOO_LARGE: Final = "message_too_large"

KEPT_OF_LARGE: Final = 1000
"Bytes."
YEAR_9999: Final = 253_370_764_800_000
"Milliseconds since 1970."


def received(messages: Sequence[Message], *, max_bytes: int) -> pl.DataFrame:
    """The messages in the schema MESSAGES.

    Of one that is longer than ``max_bytes`` the start is kept; bytes that are no UTF-8 are kept as escapes.
    """
    rows = [(message.offset(), _millis(message), *_text(message.value(), max_bytes)) for message in messages]
    frame = pl.DataFrame(rows, schema={**MESSAGES, c.TIMESTAMP: pl.Int64()}, orient="row")
    return frame.with_columns((pl.col(c.TIMESTAMP) * 1000).cast(TIME))


def _millis(message: Message) -> int | None:
    kind, millis = message.timestamp()
    return millis if kind != TIMESTAMP_NOT_AVAILABLE and 0 <= millis < YEAR_9999 else None


def _text(value: str | bytes | None, max_bytes: int) -> tuple[str | None, str | None]:
    """The text, and why there is no event in it."""
    if value is None:
        return None, TOMBSTONE
    content = value.encode() if isinstance(value, str) else value
    if len(content) > max_bytes:
        return content[:KEPT_OF_LARGE].decode(errors="backslashreplace"), TOO_LARGE
    try:
        return content.decode(), None
    except UnicodeDecodeError:
        return content.decode(errors="backslashreplace"), NOT_UTF8
