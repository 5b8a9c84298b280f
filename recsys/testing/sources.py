"""What every source of raw events must do, and how a small one is described."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.errors import ConfigError
from recsys.events.raw import RAW, RawBatch
from recsys.events.schema import ITEM_UPDATES
from recsys.events.sources.registry import open_source
from recsys.events.sources.source import Source
from recsys.events.validation import Checked, check
from recsys.sites.config import ComponentSpec, InteractionType, QualityPolicy


@dataclass(frozen=True)
class SourceExample:
    """A small source that can be read, with some good rows on its first and on its last day."""

    spec: ComponentSpec
    first: date
    last: date
    interactions: tuple[InteractionType, ...]
    quality: QualityPolicy = field(default_factory=QualityPolicy)

    def open(self) -> Source:
        return open_source(self.spec, self.quality)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=offset) for offset in range((self.last - self.first).days + 1)]


class SourceContract:
    """Subclass it with a fixture ``example`` that gives a ``SourceExample``."""

    def test_it_reaches_its_days(self, example: SourceExample) -> None:
        assert example.first in example.open().days()
        assert example.last in example.open().days()

    def test_what_it_reads_has_the_promised_columns(self, example: SourceExample) -> None:
        batch = example.open().read(example.first, example.last)
        assert batch.rows.schema == RAW
        assert batch.item_updates.schema == ITEM_UPDATES

    def test_every_row_says_where_it_stands(self, example: SourceExample) -> None:
        places = example.open().read(example.first, example.last).rows.select(c.SOURCE_FILE, c.SOURCE_LINE)
        assert places.null_count().sum_horizontal().item() == 0
        assert places.is_unique().all()
        assert places[c.SOURCE_LINE].min() == 1 or 2 in places[c.SOURCE_LINE]

    def test_no_row_of_its_files_is_lost(self, example: SourceExample) -> None:
        batch = example.open().read(example.first, example.last)
        for file in batch.files:
            assert batch.rows.filter(pl.col(c.SOURCE_FILE) == file.name).height == file.rows

    def test_both_ends_have_good_rows(self, example: SourceExample) -> None:
        checked = _checked(example, example.open().read(example.first, example.last))
        assert checked[example.first].kept.height > 0
        assert checked[example.last].kept.height > 0

    def test_reading_twice_gives_the_same(self, example: SourceExample) -> None:
        once, again = (example.open().read(example.first, example.last) for _ in range(2))
        assert_frame_equal(once.rows, again.rows)
        assert_frame_equal(once.item_updates, again.item_updates)
        assert once.files == again.files

    def test_a_day_alone_is_the_same_as_in_a_range(self, example: SourceExample) -> None:
        whole = example.open().read(example.first, example.last)
        together = _checked(example, whole)
        for day in example.days:
            batch = example.open().read(day, day)
            alone = _checked(example, batch)
            assert set(alone) <= {day, None}
            for key in (day, None):
                assert (key in alone) == (key in together)
                if key in alone:
                    assert_frame_equal(alone[key].kept, together[key].kept)
                    assert_frame_equal(alone[key].quarantine, together[key].quarantine)
                    assert alone[key].duplicates == together[key].duplicates
            assert_frame_equal(batch.item_updates, whole.item_updates.filter(pl.col(c.TIMESTAMP).dt.date() == day))

    def test_wrong_params_are_refused_by_name(self, example: SourceExample) -> None:
        wrong = ComponentSpec(kind=example.spec.kind, params={**example.spec.params, "no_such_param": 1})
        with pytest.raises(ConfigError, match="no_such_param"):
            open_source(wrong)


def _checked(example: SourceExample, batch: RawBatch) -> dict[date | None, Checked]:
    return check(
        batch.rows,
        event_types=[interaction.name for interaction in example.interactions],
        earliest=date.fromisoformat(example.quality.earliest),
        latest=date.fromisoformat(example.quality.latest),
    )
