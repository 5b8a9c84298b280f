"""What every source of raw events must do, and how a small one is described."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys import columns as c
from recsys.errors import ConfigError
from recsys.events.partition import Checked
from recsys.events.raw import RAW, RawBatch, whole
from recsys.events.schema import ITEM_UPDATES
from recsys.events.shelf import ASIDE, GOOD, UPDATES, Shelf
from recsys.events.sources.registry import open_source
from recsys.events.sources.source import Source, Surroundings
from recsys.events.validation import Rules, check
from recsys.layout import Settings
from recsys.sites.config import ComponentSpec, InteractionType, QualityPolicy


@dataclass(frozen=True)
class SourceExample:
    """A small source that can be read, with some good rows on its first and on its last day."""

    spec: ComponentSpec
    first: date
    last: date
    interactions: tuple[InteractionType, ...]
    quality: QualityPolicy = field(default_factory=QualityPolicy)
    settings: Settings = field(default_factory=Settings)

    def open(self) -> Source:
        return open_source(self.spec, Surroundings("example", self.quality, self.settings))

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=offset) for offset in range((self.last - self.first).days + 1)]

    def batches(self, first: date, last: date) -> list[RawBatch]:
        """What the source gives for these UTC days, both included."""
        return list(self.open().read(_midnight(first), _midnight(last + timedelta(days=1))))

    def sorted_out(self, first: date, last: date) -> dict[date | None, Checked]:
        """Every partition of these days as the event log would have it; None: the rows without a day."""
        rules = Rules(
            event_types=tuple(interaction.name for interaction in self.interactions),
            earliest=date.fromisoformat(self.quality.earliest),
            latest=date.fromisoformat(self.quality.latest),
        )
        with Shelf() as shelf:
            for batch in self.batches(first, last):
                found = check(batch, rules)
                slot = pl.col(c.TIMESTAMP).dt.truncate("1d").alias(c.PARTITION)
                shelf.put(GOOD, found.good)
                shelf.put(ASIDE, found.aside)
                shelf.put(UPDATES, batch.item_updates.with_columns(slot))
            wanted = [slot for slot in shelf.slots if slot is None or first <= slot.date() <= last]
            return {slot.date() if slot else None: shelf.take(slot) for slot in wanted}


def read_days(source: Source, first: date, last: date | None = None) -> RawBatch:
    """What a small source gives for these UTC days, both included, as one batch; ``last`` is by default ``first``."""
    return whole(source.read(_midnight(first), _midnight((last or first) + timedelta(days=1))))


class SourceContract:
    """Subclass it with a fixture ``example`` that gives a ``SourceExample``."""

    def test_it_reaches_its_days(self, example: SourceExample) -> None:
        assert example.first in example.open().days()
        assert example.last in example.open().days()

    def test_what_it_reads_has_the_promised_columns(self, example: SourceExample) -> None:
        for batch in example.batches(example.first, example.last):
            assert batch.rows.schema == RAW
            assert batch.item_updates.schema == ITEM_UPDATES
            assert batch.originals.height == batch.rows.height

    def test_every_row_says_where_it_stands(self, example: SourceExample) -> None:
        rows = whole(example.batches(example.first, example.last)).rows
        places = rows.select(c.SOURCE_FILE, c.SOURCE_LINE)
        assert places.null_count().sum_horizontal().item() == 0
        assert places[c.SOURCE_LINE].min() == 1 or 2 in places[c.SOURCE_LINE]

    def test_no_row_of_its_files_is_lost(self, example: SourceExample) -> None:
        batch = whole(example.batches(example.first, example.last))
        for file in batch.files:
            assert batch.rows.filter(pl.col(c.SOURCE_FILE) == file.name).height == file.rows

    def test_both_ends_have_good_rows(self, example: SourceExample) -> None:
        found = example.sorted_out(example.first, example.last)
        assert found[example.first].counts.kept > 0
        assert found[example.last].counts.kept > 0

    def test_reading_twice_gives_the_same(self, example: SourceExample) -> None:
        once, again = (whole(example.batches(example.first, example.last)) for _ in range(2))
        assert_frame_equal(once.rows, again.rows)
        assert_frame_equal(once.item_updates, again.item_updates)
        assert once.files == again.files

    def test_a_day_alone_is_the_same_as_in_a_range(self, example: SourceExample) -> None:
        together = example.sorted_out(example.first, example.last)
        for day in example.days:
            alone = example.sorted_out(day, day)
            assert set(alone) <= {day, None}
            for key in (day, None):
                assert (key in alone) == (key in together)
                if key in alone:
                    _assert_equal(alone[key], together[key])

    def test_wrong_params_are_refused_by_name(self, example: SourceExample) -> None:
        wrong = ComponentSpec(kind=example.spec.kind, params={**example.spec.params, "no_such_param": 1})
        with pytest.raises(ConfigError, match="no_such_param"):
            open_source(wrong)


def _assert_equal(one: Checked, other: Checked) -> None:
    for found, expected in (
        (one.kept, other.kept),
        (one.impressions, other.impressions),
        (one.quarantine, other.quarantine),
        (one.item_updates, other.item_updates),
    ):
        assert_frame_equal(found, expected, check_row_order=False)
    assert one.counts == other.counts


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
