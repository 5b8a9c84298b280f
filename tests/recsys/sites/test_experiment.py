import pytest
from pydantic import ValidationError

from recsys.sites.experiment import Arm, Experiment, Guardrail, overlapping

ARMS = (Arm(name="control", share=0.5), Arm(name="fresh", share=0.5))


def experiment(**changed) -> Experiment:
    return Experiment(**{"id": "fresh-ranker", "site": "shop", "arms": ARMS} | changed)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"arms": (ARMS[0], ARMS[0])}, "expected each name once"),
        ({"arms": (ARMS[0], Arm(name="fresh", share=0.4))}, "sum to 0.9, expected 1"),
        ({"ramp": (0.05, 0.01)}, "each larger than the one before"),
        ({"slots": (5000, 5000)}, "expected the first to be less"),
        ({"slots": (0, 5000)}, "found 0.5, expected at most 0.25"),
        ({"holdout": 0.2}, "expected at most 0.4"),
        ({"min_hours": 1000}, "expected at most max_hours, 672"),
        ({"guardrails": (Guardrail(metric="ctr"),)}, "not the metric that decides"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(changed, says):
    with pytest.raises(ValidationError, match=says):
        experiment(**changed)


def test_the_ramp_goes_up_step_by_step_and_stays_there():
    ramp = [experiment(step_hours=10).ramp_at(hours) for hours in (0, 9.9, 10, 25, 30, 9999)]
    assert ramp == [0.01, 0.01, 0.05, 0.25, 0.5, 0.5]


def test_experiments_of_one_layer_must_not_share_slots():
    half, ramp = {"ramp": (0.1,)}, (0.1,)
    first = experiment(slots=(0, 5000), **half)
    second = experiment(id="second", slots=(5000, 10_000), **half)
    both = experiment(id="both", ramp=ramp)
    elsewhere = experiment(id="elsewhere", layer="home", ramp=ramp)
    assert overlapping(second, (first, elsewhere)) == ()
    assert overlapping(both, (first, second, elsewhere)) == (first, second)
