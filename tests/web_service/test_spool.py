import resource
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.events.model import Interaction, ItemUpdate
from web_service.spool import BROKEN, SUFFIX, Spool, SpoolFull

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(number, user="anna"):
    return Interaction(event_id=f"e{number}", user_id=user, item_id="i01", event_type="view", timestamp=NOW)


def update(number):
    return ItemUpdate(event_id=f"u{number}", item_id="i01", timestamp=NOW, available=False, attributes={"a": [1, None]})


def waiting(folder):
    return [batch for file in Spool(folder, most_bytes=0).files() for batch in file.batches()]


@given(
    st.lists(st.lists(st.one_of(st.builds(event, st.integers(0, 9)), st.builds(update, st.integers(0, 9))), min_size=1))
)
def test_what_is_added_is_found_again_by_another(tmp_path_factory, batches):
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder, most_bytes=1 << 20)
    for batch in batches:
        spool.add("shop", batch)
    spool.close()
    assert waiting(folder) == [("shop", batch) for batch in batches]


def test_a_file_that_is_being_written_is_left_alone(tmp_path):
    spool = Spool(tmp_path, most_bytes=1 << 20)
    spool.add("shop", [event(1)])
    assert waiting(tmp_path) == []
    assert [batch for file in spool.files() for batch in file.batches()] == [("shop", [event(1)])]


def test_what_is_done_is_gone(tmp_path):
    spool = Spool(tmp_path, most_bytes=1 << 20)
    spool.add("shop", [event(1)])
    assert spool.size() > 0
    for file in spool.files():
        file.done()
    assert (spool.size(), waiting(tmp_path)) == (0, [])


@given(st.data())
def test_a_line_cut_short_is_set_aside_and_the_others_count(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder, most_bytes=1 << 20)
    for number in range(3):
        spool.add("shop", [event(number)])
    spool.close()
    (path,) = folder.glob(f"*{SUFFIX}")
    lines = path.read_bytes().splitlines(keepends=True)
    cut = data.draw(st.integers(1, len(lines[2]) - 2))
    path.write_bytes(b"".join(lines[:2]) + lines[2][:cut])
    assert waiting(folder) == [("shop", [event(0)]), ("shop", [event(1)])]
    assert path.with_suffix(BROKEN).read_bytes() == lines[2][:cut]


def test_a_changed_line_is_set_aside(tmp_path):
    content = b'{"site": "shop", "events": []}'
    (tmp_path / f"one{SUFFIX}").write_bytes(b"%08x %b\n" % (zlib.crc32(content) ^ 1, content))
    assert waiting(tmp_path) == []
    assert (tmp_path / f"one{BROKEN}").exists()


def test_it_says_when_it_is_full_and_keeps_what_it_has(tmp_path):
    spool = Spool(tmp_path, most_bytes=300)
    spool.add("shop", [event(1)])
    with pytest.raises(SpoolFull, match=r"found 2.. bytes of waiting events, expected at most 300"):
        spool.add("shop", [event(2)])
    spool.close()
    assert waiting(tmp_path) == [("shop", [event(1)])]


def test_a_full_disk_takes_nothing_and_leaves_no_half_line(tmp_path):
    spool = Spool(tmp_path, most_bytes=1 << 20)
    spool.add("shop", [event(1)])
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (spool.size() + 20, allowed[1]))
    try:
        with pytest.raises(SpoolFull, match="the disk takes no more events"):
            spool.add("shop", [event(2)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
    spool.add("shop", [event(3)])
    spool.close()
    assert sorted(waiting(tmp_path), key=str) == [("shop", [event(1)]), ("shop", [event(3)])]
