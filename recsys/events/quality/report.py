"""What was found in one partition, check by check; the same rows always give the same report."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from pydantic import NonNegativeInt, model_validator

from recsys.events.counts import RowCounts
from recsys.events.raw import SourceFile
from recsys.types import Frozen, SiteId

SHOWN_IN_A_LINE: Final = 300
"Characters of a sample row in a sentence."
CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")


class Sample(Frozen):
    """One row, to look at."""

    text: str
    "The row as it was read or as it would be kept, cut when it is long; control characters made visible."
    source_file: str | None = None
    source_line: int | None = None
    reason: str | None = None
    "Why it was set aside; None, with file and line, for a row that would be kept."

    @property
    def place(self) -> str:
        """File and line, where the row has them."""
        return "" if self.source_file is None else f"{self.source_file} line {self.source_line}"


class Check(Frozen):
    """One thing that was looked at."""

    name: str
    key: str
    "Where the site's YAML says what is expected; empty for what every partition must be."
    found: str
    expected: str
    passed: bool
    why: str = ""
    samples: tuple[Sample, ...] = ()
    "Rows that made it fail."

    @property
    def sentence(self) -> str:
        """What was found and what was expected, in one line."""
        expected = f", expected {self.expected}" if self.expected else ""
        return f"{'found ' * bool(expected)}{self.found}{expected}{': ' * bool(self.why)}{self.why}"


class SetAside(Frozen):
    """The rows of one reason in the quarantine."""

    reason: str
    rows: NonNegativeInt
    expected: bool
    "The site says that this is normal; such rows do not count as bad."
    samples: tuple[Sample, ...]


class PastDay(Frozen):
    """A partition committed before."""

    key: str
    "Its day, or its day and hour, as in the names of the event log."
    rows: NonNegativeInt
    "Rows kept."


class QualityReport(Frozen):
    """Whether one partition may be committed, and why."""

    site: SiteId
    partition: str
    passed: bool
    "True exactly when every check passed."
    checks: tuple[Check, ...]
    not_checked: tuple[str, ...]
    "Keys of the site's YAML that would add a check, and say nothing."
    counts: RowCounts
    kept: dict[str, NonNegativeInt]
    "Rows that are kept or would be, by table."
    event_types: dict[str, NonNegativeInt]
    "Interactions by type, the most frequent first."
    first_time: datetime | None
    last_time: datetime | None
    "Of the interactions, both inclusive, UTC; None without any."
    set_aside: tuple[SetAside, ...]
    "The most frequent reason first."
    past: tuple[PastDay, ...]
    "The partitions before, the oldest first."
    source_files: tuple[SourceFile, ...]

    @model_validator(mode="after")
    def _verdict_follows(self) -> "QualityReport":
        if self.passed != (not self.failing):
            raise ValueError(f"found passed={self.passed} with {len(self.failing)} failing checks")
        return self

    @property
    def failing(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def summary(self) -> str:
        """Why it was refused, in one line that shows no row; empty when it passed."""
        return "; ".join(check.sentence for check in self.failing)

    @property
    def sentence(self) -> str:
        """The summary, then sample rows, one a line."""
        lines = dict.fromkeys(_line(sample) for check in self.failing for sample in check.samples)
        return self.summary + ("; such as" if lines else "") + "".join(f"\n    {line}" for line in lines)

    def to_json(self) -> bytes:
        """The report for programs: ``QualityReport.model_validate_json`` reads it."""
        return self.model_dump_json(indent=1).encode()

    def to_html(self) -> bytes:
        """The report for people: one page that needs no other file."""
        from recsys.events.quality.page import render

        return render(self).encode()

    def without_rows(self) -> "QualityReport":
        """The same report with the places of sample rows, not their content: for where an erasure does not reach."""
        return self.model_copy(
            update={
                "checks": tuple(each.model_copy(update={"samples": _places(each.samples)}) for each in self.checks),
                "set_aside": tuple(
                    each.model_copy(update={"samples": _places(each.samples)}) for each in self.set_aside
                ),
            }
        )


def visible(text: str) -> str:
    """``text`` in one line, with a picture in place of each control character."""
    return CONTROLS.sub(lambda found: chr(0x2421 if found[0] == "\x7f" else 0x2400 + ord(found[0])), text)


def _line(sample: Sample) -> str:
    parts = [sample.place, f"[{sample.reason}]" if sample.reason else "", sample.text[:SHOWN_IN_A_LINE]]
    return " ".join(part for part in parts if part)


def _places(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    return tuple(sample.model_copy(update={"text": ""}) for sample in samples if sample.place)
