import pytest

from recsys_airflow.approval import verdict


def answer(option, user="anna", reason=None):
    return {
        "chosen_options": [option],
        "responded_by_user": user and {"id": "1", "name": user},
        "params_input": {"reason": reason} if reason else {},
    }


@pytest.mark.parametrize(
    ("given", "approved", "by", "reason"),
    [
        (answer("Approve"), True, "Airflow user anna", "Approved by anna."),
        (answer("Approve", reason="looks good"), True, "Airflow user anna", "Approved by anna: looks good"),
        (answer("Reject", reason="before Christmas"), False, "Airflow user anna", "Declined by anna: before Christmas"),
        (answer("Reject", user=None), False, "nobody", "Nobody approved it in time."),
        (answer("Approve", user=None), False, "nobody", "Nobody approved it in time."),
    ],
)
def test_the_answer_as_the_stage_takes_it(given, approved, by, reason):
    assert verdict(given) == {"approved": approved, "by": by, "reason": reason}
