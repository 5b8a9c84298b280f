"""A click probability finds what is there to be found, and nothing where nothing is."""

import json

import numpy as np
import polars as pl
import pytest

from recsys import columns as c
from recsys.errors import FeatureMismatch, MissingColumns, NotEnoughData, ReleaseError, SchemaError, TableRefused
from recsys.predictors.ctr import ctr_checks, fit_ctr, judge_ctr
from recsys.predictors.ctr.training import columns_of
from recsys.predictors.trees import shap_summary
from recsys.serving.predicting.clicks import ClickProbability
from recsys.sites.predictor_policy import CtrChecks
from recsys.testing.clicks import CLICK


def as_requested(rows: pl.DataFrame) -> list[dict]:
    """The rows as a client sends them: JSON, without what became of them."""
    sent: list[dict] = json.loads(
        rows.drop(CLICK).with_columns(pl.col(c.TIMESTAMP).dt.to_string("iso:strict")).write_json()
    )
    return sent


def test_it_finds_what_the_rows_tell_and_comes_near_the_truth(fitted, drawn, later, policy):
    found = judge_ctr(fitted, later, policy)
    model = found.pop("model")
    assert set(found) == {"base rate", "rate of item_id", "logistic"}
    assert model.log_loss < min(found[name].log_loss for name in ("base rate", "rate of item_id"))
    assert model.log_loss < 1.02 * found["logistic"].log_loss
    assert model.ece < 0.01
    assert model.normalised_entropy < 0.95
    truth = drawn[1][-later.height :]
    error = np.abs(fitted.model.predict(as_requested(later)) - truth).mean()
    assert error < 0.7 * np.abs(truth - truth.mean()).mean()


def test_shuffled_labels_score_as_chance(earlier, later, policy):
    shuffled = earlier.with_columns(pl.Series(CLICK, np.random.default_rng(5).permutation(earlier[CLICK].to_numpy())))
    model = judge_ctr(fit_ctr(shuffled, policy), later, policy)["model"]
    assert model.auc == pytest.approx(0.5, abs=0.06)
    assert model.normalised_entropy > 0.99


def test_what_is_served_is_what_the_pipeline_gives(fitted, later, policy):
    """1,000 logged requests, through JSON: the features of the pipeline, to the bit."""
    rows = later.sample(1000, seed=1)
    of_pipeline = np.asarray(fitted.pipeline["encode"].transform(columns_of(rows, fitted.model.reader)))
    assert of_pipeline.tobytes() == fitted.model.table(as_requested(rows)).tobytes()
    said = fitted.pipeline.predict_proba(columns_of(rows, fitted.model.reader))[:, 1]
    assert said.tolist() == fitted.model.predict(as_requested(rows)).tolist()


def test_a_row_is_scored_the_same_alone_and_in_any_order(fitted, later):
    rows = as_requested(later.head(300))
    together = fitted.model.predict(rows)
    assert together.tolist() == [fitted.model.predict([row])[0] for row in rows]
    assert together[::-1].tolist() == fitted.model.predict(rows[::-1]).tolist()
    assert fitted.model.predict([]).tolist() == []


def test_it_is_the_same_after_it_was_saved(fitted, later, tmp_path):
    version = fitted.model.save(tmp_path)
    (tmp_path / "report.json").write_text("{}")
    loaded = ClickProbability.load(tmp_path)
    rows = as_requested(later)
    assert loaded.predict(rows).tolist() == fitted.model.predict(rows).tolist()
    assert loaded.version == version
    assert {path.name for path in tmp_path.iterdir()} == {
        *("model.cbm", "predictor.json", "encoders.json", "tables.npz", "report.json")
    }


def test_the_same_rows_give_the_same_bytes(fitted, earlier, policy, tmp_path):
    assert fit_ctr(earlier, policy).model.save(tmp_path / "a") == fitted.model.save(tmp_path / "b")


def test_no_file_names_a_user_and_users_are_still_told_apart(fitted, earlier, later, tmp_path):
    fitted.model.save(tmp_path)
    with np.load(tmp_path / "tables.npz") as arrays:
        saved = b"".join(arrays[name].tobytes() for name in arrays.files if name.endswith("texts"))
    saved += b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name != "tables.npz")
    texts = set(saved.decode("utf-8", "replace").replace("\x1f", '"').replace("\\u001f", '"').split('"'))
    assert texts & set(earlier[c.ITEM_ID])
    assert texts & set(earlier[c.USER_ID]) == set()
    (row,) = as_requested(later.head(1))
    of_users = [fitted.model.table([{**row, c.USER_ID: user}]) for user in earlier[c.USER_ID].unique().sort()[:20]]
    assert len({table.tobytes() for table in of_users}) > 10


def test_a_model_whose_tables_name_users_is_refused(fitted, tmp_path):
    fitted.model.save(tmp_path)
    told = json.loads((tmp_path / "encoders.json").read_text())
    del told["salt"]
    (tmp_path / "encoders.json").write_text(json.dumps(told))
    with pytest.raises(FeatureMismatch, match="found tables with the ids of users"):
        ClickProbability.load(tmp_path)


def test_unknown_values_are_fine_and_missing_columns_are_named(fitted, later):
    (row,) = as_requested(later.head(1))
    strange = {**row, c.ITEM_ID: "never seen", c.USER_ID: None, c.PRICE: "dear", c.TIMESTAMP: 7, "more": [1]}
    assert 0 < fitted.model.predict([strange])[0] < 1
    without = {name: value for name, value in row.items() if name not in (c.PRICE, c.ITEM_ID)}
    with pytest.raises(MissingColumns, match=r"found no item_id in row 1; price in row 1 \(counted from 0\)") as fault:
        fitted.model.predict([row, without])
    assert set(fault.value.columns) == {c.ITEM_ID, c.PRICE}


def test_a_table_that_is_not_as_expected_blocks(earlier, policy):
    checks = CtrChecks(max_null_share={c.PRICE: 0.1, "color": 0.1}, max_unseen_share={c.ITEM_ID: 0.2, c.TIMESTAMP: 0.5})
    asked = policy.model_copy(update={"checks": checks})
    half = earlier.with_columns(pl.when(pl.int_range(pl.len()) % 2 == 0).then(c.PRICE).alias(c.PRICE))
    with pytest.raises(
        TableRefused, match=r"max_null_share\.price: found 50\.0% nulls in price, expected at most 10\.0%"
    ):
        fit_ctr(half, asked)
    failed = [check.name for check in ctr_checks(half, asked) if not check.passed]
    assert failed == ["nulls in price", "nulls in color", "values not seen before in timestamp"]
    with pytest.raises(
        TableRefused, match=r"min_rows: found 10 rows, expected at least 1,000; .*min_clicks: found \d clicks"
    ):
        fit_ctr(earlier.head(10), policy)


def test_a_column_that_the_rows_have_not_is_named(earlier, policy):
    with pytest.raises(SchemaError, match=r"found no columns \['device'\]"):
        fit_ctr(earlier, policy.model_copy(update={"categories": ("device",)}))


def test_one_kind_of_feature_is_enough(earlier, policy):
    nothing = {"categories": (), "numbers": (), "counts": (), "crosses": ()}
    for kind in ({"numbers": ("position",)}, {"crosses": (("item_id", "position"),)}):
        fitted = fit_ctr(earlier, policy.model_copy(update={**nothing, **kind}))
        assert len(fitted.model.encoder.names) == 1


def test_clicks_of_one_kind_teach_nothing(earlier, policy):
    late = earlier.with_columns((pl.int_range(pl.len()) >= earlier.height * 0.9).alias(CLICK))
    with pytest.raises(NotEnoughData, match="to learn from"):
        fit_ctr(late, policy)


def test_what_was_not_saved_is_not_loaded(tmp_path):
    with pytest.raises(ReleaseError, match=r"encoders\.json, tables\.npz"):
        ClickProbability.load(tmp_path)


def test_the_item_moves_the_scores(fitted):
    heaviest = shap_summary(fitted.model.scorer, fitted.examples.table[:1000])
    assert "rate_item_id" in heaviest["feature"][:3].to_list()
