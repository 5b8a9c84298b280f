"""Where a topic's messages land: whole files whose names are the offsets, so that both are committed in one step."""

from datetime import date
from io import BytesIO
from typing import Final

import polars as pl

from recsys.datasets.blobs import Blobs
from recsys.events.schema import require
from recsys.events.stream.landed import MESSAGES, Landed, folder
from recsys.types import SiteId

COMPRESSION: Final = "zstd"
EXACT_DAYS: Final = "days"
"Key of the file's metadata: all its days, separated by commas."


class Landing:
    """The landed messages of one site's topic. Several may land at once; what they both bring counts once."""

    def __init__(self, blobs: Blobs, site: SiteId, topic: str) -> None:
        self.blobs = blobs
        self.folder = folder(site, topic)

    def files(self) -> list[Landed]:
        """Every file that landed, by partition and offset."""
        keys = self.blobs.list(f"{self.folder}/")
        found = (Landed.named(key.removeprefix(f"{self.folder}/")) for key in keys)
        return sorted((file for file in found if file), key=lambda file: (file.partition, file.first, file.last))

    def land(self, file: Landed, messages: pl.DataFrame) -> None:
        """The messages are durable afterwards, and so is it that the topic was read up to the file's last offset.

        Args:
            file: offsets and days. Offsets of the stretch without a message are not there to be read.
            messages: schema MESSAGES, by offset.

        Raises:
            SchemaError: ``messages`` is not in the schema MESSAGES.
            StoreError: the store did not take it; nothing was written.
        """
        content = BytesIO()
        days = ",".join(day.isoformat() for day in file.days.days)
        require(messages, MESSAGES, name="messages").write_parquet(
            content, compression=COMPRESSION, metadata={EXACT_DAYS: days}
        )
        self.blobs.put(f"{self.folder}/{file.name}", content.getvalue())

    def messages(self, file: Landed) -> pl.DataFrame:
        """What landed in one file, schema MESSAGES."""
        return pl.read_parquet(BytesIO(self.blobs.get(f"{self.folder}/{file.name}")), columns=MESSAGES.names())

    def days_of(self, file: Landed) -> tuple[date, ...]:
        """All UTC days of a file, also those that its name leaves out."""
        if file.days.exact:
            return file.days.days
        content = self.blobs.get(f"{self.folder}/{file.name}")
        told = pl.read_parquet_metadata(BytesIO(content))[EXACT_DAYS]
        return tuple(date.fromisoformat(day) for day in told.split(","))
