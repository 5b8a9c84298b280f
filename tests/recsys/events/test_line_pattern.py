"""The line level of data quality: what does not have the expected form is set aside, whatever text source it is in."""

from datetime import date
from pathlib import Path

import pytest

from recsys import columns as c
from recsys.errors import ConfigError
from recsys.events.sources.registry import open_source
from recsys.events.sources.source import Surroundings
from recsys.sites.config import ComponentSpec, QualityPolicy
from recsys.testing.sources import read_days

DAY = date(2010, 12, 1)
COLUMNS = {"user_id": "u", "item_id": "i", "event_type": {"constant": "view"}, "timestamp": "t"}
TIMES = [f"2010-12-01T08:0{n}:00Z" for n in range(4)]


def csv(folder: Path) -> ComponentSpec:
    rows = [f"{'bot' if n % 2 else 'u'}{n},i,{moment}" for n, moment in enumerate(TIMES)]
    (folder / "events.csv").write_text("\n".join(["u,i,t", *rows]) + "\n")
    return ComponentSpec(kind="csv", params={"path": f"{folder}/events.csv", "columns": COLUMNS})


def ndjson(folder: Path) -> ComponentSpec:
    rows = [f'{{"u": "{"bot" if n % 2 else "u"}{n}", "i": "x", "t": "{moment}"}}' for n, moment in enumerate(TIMES)]
    (folder / "events.ndjson").write_text("\n".join(rows) + "\n")
    return ComponentSpec(kind="ndjson", params={"path": f"{folder}/events.ndjson", "columns": COLUMNS})


def online_retail(folder: Path) -> ComponentSpec:
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    rows = [
        f"53636{n},85123A,{'bot' if n % 2 else 'GIFT'},6,2010-12-01 08:2{n}:00,2.55,17850.0,France\n" for n in range(4)
    ]
    (folder / f"{DAY}.csv").write_text(header + "".join(rows))
    return ComponentSpec(kind="online_retail", params={"path": folder})


@pytest.mark.parametrize("write", [csv, ndjson, online_retail])
def test_lines_that_do_not_match_are_set_aside_and_the_others_are_not_touched(tmp_path, write):
    spec = write(tmp_path)
    any_line = read_days(open_source(spec), DAY).rows
    surroundings = Surroundings(quality=QualityPolicy(line_pattern="^[^b]*$"))
    found = read_days(open_source(spec, surroundings), DAY).rows
    aside = found.filter(found[c.REASON].is_not_null())
    assert aside[c.REASON].to_list() == ["line_pattern"] * 2
    kept = found.filter(found[c.REASON].is_null())
    assert any_line.height == 4
    assert kept.rows() == any_line.filter(any_line[c.SOURCE_LINE].is_in(kept[c.SOURCE_LINE].implode())).rows()


def test_bytes_that_are_no_text_beside_a_pattern_are_set_aside_as_such(tmp_path):
    spec = csv(tmp_path)
    file = tmp_path / "events.csv"
    file.write_bytes(file.read_bytes() + b"u\xff9,i,2010-12-01T09:00:00Z\n")
    found = read_days(open_source(spec, Surroundings(quality=QualityPolicy(line_pattern="^u"))), DAY).rows
    assert sorted(found[c.REASON].drop_nulls()) == ["line_pattern", "line_pattern", "not_utf8"]


def test_a_pattern_that_cannot_be_read_is_named(tmp_path):
    surroundings = Surroundings(
        quality=QualityPolicy.model_construct(**QualityPolicy().model_dump() | {"line_pattern": "("})
    )
    with pytest.raises(ConfigError, match=r"quality\.line_pattern: found '\('"):
        read_days(open_source(csv(tmp_path), surroundings), DAY)
