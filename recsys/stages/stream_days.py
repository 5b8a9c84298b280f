"""Which days of the event log wait for messages that landed, and how they are brought up to date."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from recsys.datasets.landing import Landing
from recsys.errors import PartitionRefused, StoreError
from recsys.events.stream.landed import Landed
from recsys.stages import ingest_events
from recsys.stages.context import StageContext
from recsys.types import SiteId

ONE_DAY = timedelta(days=1)


@dataclass
class StreamDays:
    """The days of one site's stream."""

    context: StageContext
    site: SiteId
    topic: str
    landing: Landing
    say: Callable[[str], None]
    waiting: set[date] = field(default_factory=set)
    "Days that have messages which their partition does not know."
    written: set[date] = field(default_factory=set)
    "Days that were written again."
    partitions: set[str] = field(default_factory=set)
    "Their partitions: days, or hours of them."
    refused: dict[date, str] = field(default_factory=dict)
    "Days whose rows were not good enough, and why; the partition as it was stays."

    def look(self) -> None:
        """Every day whose partition does not name all its files waits afterwards, whoever was killed before it did."""
        self.waiting |= self._behind()

    def write(self) -> None:
        """The days that waited are in the log afterwards, or among ``refused``; after an error they wait still.

        Raises:
            StoreError: a partition could not be written, or read.
        """
        for stretch in _stretches(self.waiting):
            asked, refused = set(stretch), set[date]()
            try:
                done = ingest_events.run(site=self.site, first=stretch[0], days=len(stretch), context=self.context)
                self.partitions |= {each.partition for each in (*done.committed, *done.late) if each.day}
            except PartitionRefused as refusal:
                refused = asked & self._behind()
                self.refused |= dict.fromkeys(refused, str(refusal))
                self.say(str(refusal))
            self.written |= asked - refused
            self.refused = {day: why for day, why in self.refused.items() if day not in asked - refused}
            self.waiting -= asked

    def settle(self, *, attempts: int) -> None:
        """As ``write``; then looks again, and writes again what another run overwrote with fewer messages.

        Raises:
            StoreError: as ``write``; or others overwrite the partitions all the time.
        """
        for _ in range(attempts):
            self.waiting = self._behind() - set(self.refused)
            if not self.waiting:
                return
            self.write()
        raise StoreError(
            f"site {self.site}: {', '.join(map(str, sorted(self.waiting)))}: found messages that their partitions do "
            "not know, after several attempts, expected none. Another run writes the same days; run recsys stream again"
        )

    def _behind(self) -> set[date]:
        """The days whose partitions do not name every file with messages of theirs."""
        files = [file for file in self.landing.files() if file.days.days]
        if not files:
            return set()
        first, last = min(file.days.days[0] for file in files), max(file.days.days[-1] for file in files)
        known: dict[date, set[str]] = {}
        for manifest in self.context.datasets.manifests(self.site, first, last + ONE_DAY):
            names = {file.name for file in manifest.source_files}
            known[manifest.day] = known[manifest.day] & names if manifest.day in known else names
        behind: set[date] = set()
        for file in files:
            name = f"{self.topic}/{file.name}"
            if any(name not in known.get(day, ()) for day in _span(file)):
                behind |= {day for day in self.landing.days_of(file) if name not in known.get(day, ())}
        return behind


def _span(file: Landed) -> Iterator[date]:
    """Every day that the file's name tells."""
    if file.days.exact:
        return iter(file.days.days)
    first, last = file.days.days[0], file.days.days[-1]
    return (first + number * ONE_DAY for number in range((last - first).days + 1))


def _stretches(days: set[date]) -> list[list[date]]:
    """Days in order, those that follow each other together."""
    stretches: list[list[date]] = []
    for day in sorted(days):
        if stretches and day - stretches[-1][-1] == ONE_DAY:
            stretches[-1].append(day)
        else:
            stretches.append([day])
    return stretches
