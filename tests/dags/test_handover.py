import pytest
from airflow.sdk.definitions.asset import AssetUniqueKey
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessor

from recsys_airflow.assets import candidates
from recsys_airflow.handover import hand_over, handed_over, require_new, tell_of_drift


@pytest.fixture
def event():
    return OutletEventAccessor(key=AssetUniqueKey.from_asset(candidates("alpha")))


@pytest.mark.parametrize("outcome", [{}, {"unchanged": False}, {"accepted": True, "reason": "better"}])
def test_the_event_names_the_release(event, outcome):
    assert hand_over({"release_id": "r1", **outcome}, event) == "r1"
    assert event.extra == {"release_id": "r1"}


def test_nothing_new_is_skipped_and_says_so(event):
    with pytest.raises(AirflowSkipException, match="nothing new: release r1"):
        hand_over({"release_id": "r1", "unchanged": True}, event)
    assert event.extra == {}


def test_a_refused_release_is_skipped_with_the_gates_sentence(event):
    with pytest.raises(AirflowSkipException, match=r"r1 does not go live.*Refused: too few users\."):
        hand_over({"release_id": "r1", "accepted": False, "reason": "Refused: too few users."}, event)
    assert event.extra == {}


def test_a_release_that_was_taken_off_is_not_announced_again(event):
    with pytest.raises(AirflowSkipException, match="release r1 is a canary, or was taken off"):
        hand_over({"release_id": "r1", "accepted": True, "live": False, "reason": "better"}, event)
    assert event.extra == {}


def test_a_release_named_by_hand_wins():
    assert handed_over({"release_id": "r1"}, {candidates("alpha"): ["some event"]}, None) == "r1"


def test_a_run_by_hand_without_a_name_leaves_it_to_the_stage():
    assert handed_over({"release_id": None}, {}, None) is None


def test_a_day_that_drifted_starts_a_training_where_the_site_wants_one(event):
    drifted = {"alarms": ["a day's volume"], "reason": "Drift: a day's volume: 3, expected more."}
    tell_of_drift(drifted, event, retrain=True)
    assert event.extra == {"alarms": ["a day's volume"]}
    with pytest.raises(AirflowSkipException, match=r"drift\.retrain is false. Drift: a day's volume"):
        tell_of_drift(drifted, event, retrain=False)
    with pytest.raises(AirflowSkipException, match="No drift"):
        tell_of_drift({"alarms": [], "reason": "No drift: 9 checks as expected."}, event, retrain=True)


def test_predictions_that_do_not_hold_start_a_training_of_the_predictors_alone(event):
    report = {"alarms": [], "predictor_alarms": ["ctr: the AUC"], "reason": "Drift: ctr: the AUC: 0.5, expected more."}
    with pytest.raises(AirflowSkipException):
        tell_of_drift(report, event, retrain=True)
    with pytest.raises(AirflowSkipException, match=r"drift\.predictors\.retrain is false"):
        tell_of_drift(report, event, retrain=False, kind="predictor_alarms")
    tell_of_drift(report, event, retrain=True, kind="predictor_alarms")
    assert event.extra == {"alarms": ["ctr: the AUC"]}


def test_a_predictor_of_which_nothing_is_new_is_shown_as_skipped():
    trained = {
        "release_id": "r1",
        "state": "live",
        "accepted": True,
        "reason": "better",
        "page": "",
        "unchanged": False,
    }
    assert require_new(trained) == trained
    with pytest.raises(AirflowSkipException, match="nothing new: release r1, live, was trained on the same log"):
        require_new({**trained, "unchanged": True})
