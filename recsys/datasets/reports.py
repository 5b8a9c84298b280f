"""Reports of data quality, beside the partitions they speak of.

``events/<site>/reports/<partition>.json`` and ``.html`` belong to what is committed. The report of a partition that was
refused lies in ``events/<site>/refused/`` until the partition is committed; what was committed before keeps its own.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Final

from recsys.datasets.blobs import Blobs
from recsys.events.quality import QualityReport
from recsys.types import SiteId

READERS: Final = 16
"Reports fetched at once."
PAGE, DATA = ".html", ".json"


class Reports:
    """The reports of every site, on any ``Blobs``."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs

    def keep(self, report: QualityReport) -> None:
        """The report is found from now on: with the partition when it passed, else among the refused ones.

        Keep the report of a partition that passed once it is committed: it takes the place of a refusal.

        Raises:
            StoreError: the store did not take it.
        """
        self.blobs.put(_key(report.site, report.partition, PAGE, passed=report.passed), report.to_html())
        self.blobs.put(_key(report.site, report.partition, DATA, passed=report.passed), report.to_json())
        if report.passed:
            self._forget_refusal(report.site, report.partition)

    def committed(self, site: SiteId, first: date | None = None, before: date | None = None) -> list[QualityReport]:
        """Reports of the committed partitions from ``first`` (inclusive) until ``before`` (exclusive), in order."""
        return self._read(site, first, before, passed=True)

    def refused(self, site: SiteId, first: date | None = None, before: date | None = None) -> list[QualityReport]:
        """Reports of the partitions that were refused when they were ingested last; as ``committed``."""
        return self._read(site, first, before, passed=False)

    def refused_partitions(self, site: SiteId) -> list[str]:
        """Names of the partitions that were refused when they were ingested last, in order."""
        return self._names(site, passed=False)

    def newest(self, site: SiteId) -> QualityReport | None:
        """The report of the last committed partition; None before the first."""
        names = [name for name in self._names(site, passed=True) if _within(name, date.min, None)]
        return (
            QualityReport.model_validate_json(self.blobs.get(_key(site, names[-1], DATA, passed=True)))
            if names
            else None
        )

    def page(self, report: QualityReport) -> str:
        """Where the page of a report is found, for a person."""
        return self.blobs.location(_key(report.site, report.partition, PAGE, passed=report.passed))

    def _read(self, site: SiteId, first: date | None, before: date | None, *, passed: bool) -> list[QualityReport]:
        wanted = (name for name in self._names(site, passed=passed) if _within(name, first, before))
        keys = [_key(site, name, DATA, passed=passed) for name in wanted]
        with ThreadPoolExecutor(READERS) as readers:
            return [QualityReport.model_validate_json(content) for content in readers.map(self.blobs.get, keys)]

    def _names(self, site: SiteId, *, passed: bool) -> list[str]:
        keys: Iterable[str] = self.blobs.list(_key(site, "", "", passed=passed))
        return sorted(key.rsplit("/", 1)[1].removesuffix(DATA) for key in keys if key.endswith(DATA))

    def _forget_refusal(self, site: SiteId, partition: str) -> None:
        """The data go first: without them a page that is left over is not listed."""
        for kind in (DATA, PAGE):
            self.blobs.delete(_key(site, partition, kind, passed=False))


def _key(site: SiteId, partition: str, kind: str, *, passed: bool) -> str:
    return f"events/{site}/{'reports' if passed else 'refused'}/{partition}{kind}"


def _within(name: str, first: date | None, before: date | None) -> bool:
    """Whether a partition lies between two days; one without a day lies in no bounds, so it does where none are set."""
    try:
        day = date.fromisoformat(name[:10])
    except ValueError:
        return first is None and before is None
    return (first is None or day >= first) and (before is None or day < before)
