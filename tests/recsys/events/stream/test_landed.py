from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.events.stream.landed import MOST_DAYS, Days, Landed, first_missing, next_offsets, owned

DAY = date(2026, 3, 1)
days = st.builds(
    lambda found, undated: Days(tuple(sorted(found)), undated=undated or not found),
    st.sets(st.dates(date(1995, 1, 1), date(2100, 12, 31)), max_size=MOST_DAYS),
    st.booleans(),
)
stretches = st.builds(
    lambda partition, first, length: Landed(partition, first, first + length, Days((DAY,)), "0a1b2c3d"),
    st.integers(0, 2),
    st.integers(0, 60),
    st.integers(0, 30),
)


@given(st.integers(0, 99), st.integers(0, 10**19), st.integers(0, 10**6), days)
def test_a_name_says_everything(partition, first, length, found):
    file = Landed(partition, first, first + length, found, "0a1b2c3d")
    assert Landed.named(file.name) == file


def test_a_name_of_many_days_says_the_first_and_the_last():
    many = Days(tuple(DAY + timedelta(days=2 * number) for number in range(MOST_DAYS + 1)))
    told = Days.named(many.name)
    assert not told.exact
    assert told.days == (many.days[0], many.days[-1])
    assert told.may_have(DAY + timedelta(days=1), DAY + timedelta(days=1))
    assert not told.may_have(DAY - timedelta(days=1), DAY - timedelta(days=1))


@pytest.mark.parametrize("name", ["0/.part-x", "x/1.parquet", "notes.txt", "0/1-2.2026-03-01.ab.parquet"])
def test_other_names_are_no_landed_files(name):
    assert Landed.named(name) is None


def test_a_file_may_touch_its_days_alone_unless_others_told_them_or_some_are_unknown():
    file = Landed(0, 0, 9, Days((DAY, DAY + timedelta(days=2))), "same")
    between = DAY + timedelta(days=1)
    assert file.may_touch(DAY, between, told_by="same")
    assert not file.may_touch(between, between, told_by="same")
    assert file.may_touch(between, between, told_by="other")
    undated = Landed(0, 0, 9, Days((DAY,), undated=True), "same")
    assert undated.may_touch(between, between, told_by="same")


@given(st.lists(stretches, max_size=12))
def test_every_offset_counts_once_however_files_overlap(files):
    counted = [(file.partition, offset) for file, start in owned(files) for offset in range(start, file.last + 1)]
    landed = {(file.partition, offset) for file in files for offset in range(file.first, file.last + 1)}
    assert len(counted) == len(set(counted))
    assert set(counted) == landed


@given(st.lists(stretches, max_size=12), st.integers(0, 60))
def test_what_comes_next_and_what_is_missing(files, start):
    following = next_offsets(files)
    for partition in {file.partition for file in files}:
        landed = {o for file in files if file.partition == partition for o in range(file.first, file.last + 1)}
        assert following[partition] == max(landed) + 1
        assert first_missing(files, partition, start) == next(o for o in range(start, 200) if o not in landed)
