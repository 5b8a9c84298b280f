"""Data quality: lines that have the expected form, and whole partitions that may be committed.

Rows by themselves are checked in ``recsys.events.validation``.
"""

from recsys.events.quality.judging import UNDATED, judged
from recsys.events.quality.lines import LINE_PATTERN, matches
from recsys.events.quality.report import Check, PastDay, QualityReport, Sample, SetAside

__all__ = [
    "LINE_PATTERN",
    "UNDATED",
    "Check",
    "PastDay",
    "QualityReport",
    "Sample",
    "SetAside",
    "judged",
    "matches",
]
