"""Rows of impressions, from the log and from a file."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from recsys import columns as c
from recsys.errors import SourceError
from recsys.events.schema import IMPRESSIONS, INTERACTIONS, ITEM_UPDATES, filled
from recsys.predictors.ctr import fit_ctr, impression_rows, read_rows
from recsys.sites import add_site
from recsys.sites.predictor_policy import CtrPolicy

NOON = datetime(2026, 1, 10, 12, 20, tzinfo=UTC)
AS_OF = NOON + timedelta(days=2)
AVAZU = Path(os.environ.get("RECSYS_REAL_DATA", "../shared/data")) / "avazu_sample"


def shown(*slates: tuple[str | None, float, list[str]]) -> pl.DataFrame:
    """request, hours after noon, items."""
    rows = [
        (f"e{n}", "u", items, NOON + timedelta(hours=hour), None, request, None)
        for n, (request, hour, items) in enumerate(slates)
    ]
    return pl.DataFrame(rows, schema=IMPRESSIONS, orient="row")


def acted(*pairs: tuple[str | None, str, float]) -> pl.DataFrame:
    rows = [
        (f"c{n}", "u", item, "view", NOON + timedelta(hours=hour), None, None, request)
        for n, (request, item, hour) in enumerate(pairs)
    ]
    return pl.DataFrame(rows, schema=INTERACTIONS, orient="row")


def told(*rows: tuple[str, float, str, float]) -> pl.DataFrame:
    known = [(item, NOON + timedelta(hours=hour), category, price) for item, hour, category, price in rows]
    names = [c.ITEM_ID, c.TIMESTAMP, c.CATEGORY, c.PRICE]
    return filled(pl.DataFrame(known, schema=names, orient="row"), ITEM_UPDATES)


def rows_of(impressions, interactions, updates=None) -> list[dict]:
    return impression_rows(impressions, interactions, updates, as_of=AS_OF, policy=CtrPolicy()).to_dicts()


def test_one_row_per_item_shown_and_clicked_where_an_interaction_names_both():
    found = rows_of(
        shown(("r1", 0, ["a", "b"]), ("r2", 1, ["b"]), (None, 2, ["a"])),
        acted(("r1", "b", 0.1), ("r2", "a", 1.1), (None, "a", 0.2)),
        told(("a", -1, "x", 5.0)),
    )
    named = (c.ITEM_ID, c.POSITION, c.SLATE_SIZE, "click", c.CATEGORY, c.PRICE)
    assert [tuple(row[name] for name in named) for row in found] == [
        ("a", 1, 2, False, "x", 5.0),
        ("b", 2, 2, True, None, None),
        ("b", 1, 1, False, None, None),
    ]
    assert found[0][c.TIMESTAMP] == NOON.replace(minute=0)


def test_what_happens_later_changes_no_feature():
    before = rows_of(shown(("r1", 0, ["a", "b"])), acted(), told(("a", -1, "x", 5.0)))
    after = rows_of(
        shown(("r1", 0, ["a", "b"]), ("r2", 60, ["a"])),
        acted(("r1", "a", 1.0)),
        told(("a", -1, "x", 5.0), ("a", 0.1, "y", 9.0), ("b", 1, "z", 1.0)),
    )
    features = [name for name in before[0] if name != "click"]
    assert [[row[name] for name in features] for row in before] == [[row[name] for name in features] for row in after]
    assert [row["click"] for row in after] == [True, False]


def test_the_young_and_the_old_are_left_out():
    assert rows_of(shown(("r1", 24.5, ["a"]), ("r2", -24 * 29, ["a"])), acted()) == []
    assert len(rows_of(shown(("r1", 23.5, ["a"]), ("r2", -24 * 27, ["a"])), acted())) == 2
    assert rows_of(shown(("r1", 0, ["a"])), acted(("r1", "a", 49)))[0]["click"] is False


def test_a_file_without_the_columns_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"predictors\.ctr\.path"):
        read_rows(CtrPolicy(path=str(tmp_path)))
    (tmp_path / "train.csv").write_text("timestamp,click\n2026-01-01,1\n")
    with pytest.raises(SourceError, match="item_id"):
        read_rows(CtrPolicy(path=str(tmp_path)))


def test_a_label_that_is_none_is_missing(tmp_path):
    (tmp_path / "train.csv").write_text("a,click\nx,1\ny,0\nz,?\n")
    policy = CtrPolicy(path=str(tmp_path), time=None, categories=("a",), numbers=(), counts=(), crosses=())
    assert read_rows(policy)["click"].to_list() == [True, False, None]


@pytest.mark.skipif(not AVAZU.is_dir(), reason=f"needs the Avazu sample at {AVAZU}")
def test_the_worked_example_learns_from_avazu_as_published(tmp_path):
    policy = add_site(tmp_path, "avazu", from_dir=AVAZU).predictors.ctr
    fitted = fit_ctr(read_rows(policy), policy.model_copy(update={"iterations": 20}))
    assert set(fitted.model.columns) >= {"hour", "C1", "banner_pos", "site_id", "app_id", "device_ip", "C14", "C21"}
    raw = pl.read_csv(AVAZU / "train.csv", infer_schema=False).head(5).to_dicts()
    assert ((fitted.model.predict(raw) > 0) & (fitted.model.predict(raw) < 1)).all()
