"""What was shown, written down and read back."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from recsys.serving.exposures import read_answers
from recsys.serving.feedback import erase_user
from recsys.serving.impressions import Failed, as_shown, read_impression, write_failures, write_impressions
from recsys.testing.small_release import NOON, SITE

SECOND = timedelta(seconds=1)


def shown(request_id, *items, user_id="anna", offset=0):
    """An answer as it is sent, with as many of its fields as count here."""
    listed = [
        {"item_id": item, "position": offset + place, "source": "similar", "because": ["i09"]}
        for place, item in enumerate(items, start=1)
    ]
    head = {"site": SITE, "request_id": request_id, "user_id": user_id, "release_id": "first", "arm": "live"}
    return {**head, "items": listed}


def write(dsn, *answers, erased=None):
    async def written():
        async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
            if erased is not None:
                await erase_user(pool, SITE, *erased)
            await write_impressions(pool, [as_shown(*each) for each in answers if not isinstance(each, Failed)])
            await write_failures(pool, [each for each in answers if isinstance(each, Failed)])

    asyncio.run(written())


def test_a_slate_is_read_back_as_it_was_shown(dsn):
    write(dsn, (shown("r1", "i02", "i01", offset=10), NOON))
    found = read_impression(dsn, SITE, "r1")
    assert (found.user_id, found.item_ids, found.first_position) == ("anna", ("i02", "i01"), 11)
    assert (found.because, found.served_at) == ((("i09",), ("i09",)), NOON)
    assert read_impression(dsn, SITE, "r2") is None


def test_the_first_of_a_request_stays(dsn):
    write(dsn, (shown("r1", "i01"), NOON))
    with pytest.raises(asyncpg.UniqueViolationError):
        write(dsn, (shown("r1", "i02"), NOON + SECOND))
    assert read_impression(dsn, SITE, "r1").item_ids == ("i01",)


AWKWARD = 'a"b\\c,{d}\te\nNULL \\N é 🛒'
"""What one might think ends an element, a row or a column."""


def test_ids_are_written_as_they_are(dsn):
    write(dsn, (shown("r1", AWKWARD, "NULL", "", user_id=AWKWARD), NOON), (shown("r2", "i01", user_id=None), NOON))
    found = read_impression(dsn, SITE, "r1")
    assert (found.user_id, found.item_ids) == (AWKWARD, (AWKWARD, "NULL", ""))
    assert read_impression(dsn, SITE, "r2").user_id is None


def test_what_waited_while_its_user_was_forgotten_is_not_written(dsn):
    answers = [(shown("before", "i01"), NOON), (shown("after", "i01"), NOON + 2 * SECOND)]
    write(dsn, *answers, (shown("of another", "i01", user_id="bert"), NOON), erased=("anna", NOON + SECOND))
    there = {request: read_impression(dsn, SITE, request) is not None for request in ("before", "after", "of another")}
    assert there == {"before": False, "after": True, "of another": True}


def test_how_long_answers_took_and_which_failed_is_known_but_of_nobody_who_was_forgotten(dsn):
    later = NOON + 2 * SECOND
    answers = (shown("r1", "i01"), NOON, 12.5), (shown("together", "i01"), NOON)
    write(dsn, *answers, Failed(SITE, "anna", "fresh/new", NOON), Failed(SITE, "bert", "fresh/new", NOON))
    assert sorted(read_answers(dsn, SITE, NOON, later)) == [
        ("anna", "fresh/new", NOON, 0.0, True),
        ("anna", "live", NOON, 12.5, False),
        ("bert", "fresh/new", NOON, 0.0, True),
    ]
    write(dsn, Failed(SITE, "anna", "fresh/new", NOON), erased=("anna", NOON + SECOND))
    assert [row[0] for row in read_answers(dsn, SITE, NOON, later)] == ["bert"]
