"""A few rows to look at, the same few whatever order the rows came in."""

from typing import Final

import polars as pl

from recsys import columns as c
from recsys.events.quality.report import Sample, SetAside, visible
from recsys.sites.config import QualityPolicy

SAMPLES: Final = 3
"Rows shown of one fault."
LONGEST: Final = 1000
"Characters of a row."
PLACE: Final = (c.SOURCE_FILE, c.SOURCE_LINE, c.RAW)


def set_aside(quarantine: pl.DataFrame, reasons: dict[str, int], policy: QualityPolicy) -> tuple[SetAside, ...]:
    """What the quarantine holds (schema QUARANTINE), reason by reason in the order of ``reasons``."""
    return tuple(
        SetAside(
            reason=reason,
            rows=rows,
            expected=reason in policy.expected_reasons,
            samples=_of_reason(quarantine, reason),
        )
        for reason, rows in reasons.items()
    )


def of_interactions(rows: pl.DataFrame) -> tuple[Sample, ...]:
    """The first of these interactions (schema INTERACTIONS), by time."""
    first = rows.bottom_k(SAMPLES, by=[c.TIMESTAMP, c.EVENT_ID]).sort(c.TIMESTAMP, c.EVENT_ID)
    texts = first.select(pl.struct(pl.all()).struct.json_encode()).to_series()
    return tuple(Sample(text=_cut(text)) for text in texts)


def _of_reason(quarantine: pl.DataFrame, reason: str) -> tuple[Sample, ...]:
    its = quarantine.lazy().filter(pl.col(c.REASON) == reason).select(PLACE)
    first = its.bottom_k(SAMPLES, by=PLACE).collect().sort(PLACE)
    return tuple(
        Sample(text=_cut(raw or ""), source_file=visible(file), source_line=line, reason=reason)
        for file, line, raw in first.iter_rows()
    )


def _cut(text: str) -> str:
    return visible(text if len(text) <= LONGEST else text[:LONGEST] + "…")
