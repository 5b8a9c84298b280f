from datetime import timedelta

import polars as pl
import pytest

from recsys import columns as c
from recsys.events.partition import Checked
from recsys.events.quality import UNDATED, PastDay
from recsys.events.raw import SourceFile
from recsys.events.schema import INTERACTIONS
from tests.recsys.events.quality.conftest import DAY, START, aside, interactions

WEEK = [
    PastDay(key=f"2026-02-{day:02}", rows=rows)
    for day, rows in zip(range(22, 29), [9, 12, 11, 0, 12, 30, 12], strict=True)
]


def failing(report):
    return [check.name for check in report.failing]


def test_a_good_day_passes_and_says_what_was_not_asked(judge):
    report = judge(past=WEEK, source_files=[SourceFile(name="day.csv", rows=12, sha256="ab" * 32)])
    assert report.passed
    assert report.sentence == ""
    assert [check.name for check in report.checks] == ["bad rows", "columns and types", "required values", "time range"]
    assert report.not_checked == tuple(
        f"quality.table.{key}"
        for key in ("rows", "events_per_session", "volume", "max_null_share", "values", "max_duplicate_share")
    )
    assert report.kept == {"interactions": 12, "impressions": 0, "item updates": 0}
    assert report.event_types == {"view": 12}
    assert (report.first_time, report.last_time) == (START, START + timedelta(minutes=55))


def test_bad_rows_are_told_with_reasons_and_samples_of_the_worst(judge):
    rows = aside(*["bad_user_id"] * 4, "bad_timestamp", *["bad_user_id"] * 3)
    assert judge({"max_bad_share": 0.4}, quarantine=rows).passed
    report = judge({"max_bad_share": 0.39}, quarantine=rows)
    assert report.sentence == (
        "found 8 of 20 rows bad (40.0%), expected at most 39.0%: bad_user_id 7, bad_timestamp 1; such as\n"
        '    day.csv line 2 [bad_user_id] {"line":"2"}\n'
        '    day.csv line 3 [bad_user_id] {"line":"3"}\n'
        '    day.csv line 4 [bad_user_id] {"line":"4"}'
    )
    assert [(each.reason, each.rows, len(each.samples)) for each in report.set_aside] == [
        ("bad_user_id", 7, 3),
        ("bad_timestamp", 1, 1),
    ]


def test_expected_reasons_do_not_count_as_bad(judge):
    report = judge(
        {"max_bad_share": 0.1, "expected_reasons": ["robot"]}, quarantine=aside(*["robot"] * 50, "bad_value")
    )
    assert report.passed
    assert report.checks[0].found == "1 of 63 rows bad (1.6%)"
    assert [each.expected for each in report.set_aside] == [True, False]


def test_rows_without_a_day_are_a_share_of_all_rows_of_their_files(judge):
    unknown = aside("bad_timestamp")
    assert judge(key=UNDATED, rows=Checked.nothing(), quarantine=unknown, of_rows=10).passed
    report = judge(key=UNDATED, rows=Checked.nothing(), quarantine=unknown)
    assert failing(report) == ["bad rows"]
    assert report.not_checked == ()


@pytest.mark.parametrize(
    ("policy", "changed", "names", "said"),
    [
        ({"allow_empty_days": False}, {"kept": interactions(0)}, ["any rows"], "found no rows, expected some"),
        ({"table": {"rows": {"min": 13}}}, {}, ["rows kept"], "found 12 rows kept, expected at least 13"),
        ({"table": {"rows": {"min": 1, "max": 11}}}, {}, ["rows kept"], "expected at least 1 and at most 11"),
        (
            {"table": {"events_per_session": {"max": 2.9}}},
            {},
            ["events per session"],
            "found 3.00 events per session (mean of 4), expected at most 2.9",
        ),
        (
            {"table": {"max_null_share": {"value": 0.5, "session_id": 0.0}}},
            {},
            ["nulls in value"],
            "found value null in 12 of 12 interactions (100.0%), expected at most 50.0%; such as\n    {",
        ),
        (
            {"table": {"values": {"event_type": ["cart"], "item_id": ["lamp"]}}},
            {},
            ["values of event_type"],
            "found 12 rows with another event_type, expected only cart: view 12",
        ),
        ({"table": {"max_duplicate_share": 0.2}}, {"duplicates": 4}, ["duplicates"], "found 4 of 16 rows duplicates"),
        (
            {"table": {"volume": {"days": 3, "min_ratio": 1.1}}},
            {},
            ["volume"],
            "found 12 rows kept, 1.00 × the median of 3 partitions before (12), expected at least 1.1 ×",
        ),
    ],
)  # fmt: skip
def test_each_check_of_the_table_fails_by_itself_and_says_why(judge, policy, changed, names, said):
    report = judge(policy, past=WEEK, **changed)
    assert failing(report) == names
    assert said in report.sentence
    assert judge({}, past=WEEK, **changed).passed


def test_the_same_checks_pass_where_all_is_well(judge):
    table = {
        "rows": {"min": 12, "max": 12},
        "events_per_session": {"min": 3, "max": 3},
        "max_null_share": {"value": 1.0, "session_id": 0.0},
        "values": {"event_type": ["view", "purchase"], "item_id": ["lamp"]},
        "max_duplicate_share": 0.0,
        "volume": {"min_ratio": 1.0, "max_ratio": 1.0},
    }
    report = judge({"allow_empty_days": False, "table": table}, past=WEEK)
    assert failing(report) == []
    assert report.not_checked == ()
    assert {check.name: check.found for check in report.checks}["volume"].endswith("of 7 partitions before (12)")


def test_all_failing_checks_are_named_at_once(judge):
    policy = {"table": {"rows": {"max": 1}, "values": {"item_id": ["sofa"]}, "volume": {"max_ratio": 0.5}}}
    report = judge(policy, past=WEEK, quarantine=aside(*["bad_value"] * 20))
    assert failing(report) == ["bad rows", "values of item_id", "rows kept", "volume"]
    assert report.summary.count("; ") == 3
    assert report.sentence.count("\n    ") == 6


def test_without_partitions_before_there_is_no_drift(judge):
    policy = {"table": {"volume": {"min_ratio": 5}}}
    assert judge(policy).passed
    assert judge(policy, past=[PastDay(key="2026-03-06", rows=0)]).passed
    assert not judge(policy, past=[PastDay(key="2026-03-06", rows=3)]).passed


def test_an_hour_is_compared_with_the_same_hour(judge):
    past = [PastDay(key=f"2026-03-06T{hour:02}", rows=12 if hour == 0 else 1) for hour in range(24)]
    policy = {"table": {"volume": {"max_ratio": 1.5}}}
    report = judge(policy, key="2026-03-07T00", past=past, kept=interactions(12))
    assert report.passed
    assert [each.key for each in report.past] == ["2026-03-06T00"]
    assert failing(judge(policy, key="2026-03-07T00", kept=interactions(13))) == ["time range"]


@pytest.mark.parametrize(
    ("fault", "name", "said"),
    [
        (pl.lit(None, pl.String).alias(c.USER_ID), "required values", "user_id breaks nullability in 12 rows"),
        (pl.lit(float("inf")).alias(c.VALUE), "required values", "value breaks inf in 12 rows"),
        (pl.lit(float("nan")).alias(c.VALUE), "required values", "value breaks nan in 12 rows"),
        (pl.col(c.TIMESTAMP) - timedelta(minutes=1), "time range", "times from 2026-03-06 23:59:00 to"),
        (pl.col(c.TIMESTAMP) + timedelta(days=1), "time range", ", 12 outside, expected 2026-03-07 00:00:00 until"),
        (pl.col(c.VALUE).cast(pl.Float32), "columns and types", "interactions: value is Float32, expected Float64"),
        (pl.lit(1).alias("extra"), "columns and types", "interactions: unexpected extra"),
    ],
)
def test_what_every_partition_must_be_is_checked_again(judge, good, fault, name, said):
    report = judge(kept=good.kept.with_columns(fault))
    assert failing(report) == [name]
    assert said in report.sentence


def test_columns_in_another_order_are_refused_and_counts_judged_all_the_same(judge, good):
    report = judge({"table": {"rows": {"min": 13}}}, kept=good.kept.select(reversed(INTERACTIONS.names())))
    assert failing(report) == ["columns and types", "rows kept"]
    assert "columns in another order" in report.sentence


def test_a_file_that_cannot_be_read_is_the_only_thing_to_tell(judge):
    report = judge(
        {"allow_empty_days": False}, rows=Checked.nothing(), unreadable="day.csv: found the header 'x', expected y"
    )
    assert not report.passed
    assert report.sentence == "day.csv: found the header 'x', expected y"


def test_the_order_of_rows_changes_nothing(judge, good):
    rows = aside(*["a", "b", "c"] * 5)
    policy = {"table": {"values": {"event_type": ["cart"]}, "max_null_share": {"value": 0.1}}}
    report = judge(policy, quarantine=rows)
    shuffled = judge(policy, quarantine=rows.sample(fraction=1, shuffle=True, seed=1), kept=good.kept.reverse())
    assert shuffled.to_json() == report.to_json()
    assert shuffled.to_html() == report.to_html()


def test_long_rows_are_cut_and_control_characters_made_visible(judge):
    rows = aside("bad_value").with_columns(pl.lit("one\ntwo\x00" + "x" * 1_000_000).alias(c.RAW))
    report = judge({"max_bad_share": 0.0}, quarantine=rows)
    assert report.set_aside[0].samples[0].text.startswith("one␊two␀xxx")
    assert len(report.to_json()) < 10_000
    assert report.sentence.count("\n") == 1
    assert DAY in report.to_html().decode()
