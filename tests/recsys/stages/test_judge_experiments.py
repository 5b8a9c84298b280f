"""Experiments are judged by what users did, and what follows is done; releases are real rows in a real Postgres."""

from datetime import timedelta

import numpy as np
import pytest

from recsys.errors import ConfigError, ExperimentError
from recsys.serving import experiments
from recsys.serving.assignment import Assigner
from recsys.serving.postgres import transaction
from recsys.sites import load_site
from recsys.stages import change_experiment, judge_experiments
from recsys.stages.context import StageContext
from tests.recsys.stages.conftest import SITE

DEFINITION = {
    "id": "plain",
    "arms": [{"name": "live", "share": 0.5}, {"name": "plain", "share": 0.5, "mode": "popular"}],
    "ramp": [0.05, 0.45],
    "step_hours": 2,
    "min_hours": 3,
    "min_users": 50,
    "window_hours": 1,
}


@pytest.fixture
def context(unvisited) -> StageContext:
    return unvisited


def declare(context: StageContext, text: str) -> None:
    file = context.settings.sites_dir / f"{SITE}.yaml"
    file.write_text(file.read_text() + text)


def started_ago(context: StageContext, hours: float, name: str = "plain") -> None:
    """As if the experiment had started so long ago."""
    with transaction(context.dsn) as cursor:
        cursor.execute(
            "UPDATE recsys.experiment SET started_at = now() - %s WHERE experiment_id = %s",
            (timedelta(hours=hours), name),
        )


def visits(
    context: StageContext,
    chances: dict[str, float],
    *,
    users: int = 3000,
    hours_ago: float = 1.0,
    took_ms: dict[str, float] | None = None,
) -> None:
    """Users were shown two items an hour or so ago, and clicked the first by the chance of their arm."""
    experiment = experiments.experiment(context.dsn, SITE, "plain").experiment
    arm_of = Assigner(experiment, experiment.ramp[-1]).arm
    rng = np.random.default_rng(1)
    slates, events = [], []
    for user in (f"u{number}" for number in range(users)):
        if (arm := arm_of(user)) is None:
            continue
        took = None if took_ms is None else took_ms[arm] * rng.lognormal(0, 0.3)
        slates.append((SITE, f"r-{user}", user, "a", experiment.label(arm), ["a", "b"], ["p", "p"], hours_ago, took))
        if rng.random() < chances[arm]:
            events.append((SITE, f"e-{user}", user, "a", "view", hours_ago - 0.01, f"r-{user}"))
    with transaction(context.dsn) as cursor:
        cursor.executemany(
            "INSERT INTO recsys.impression "
            "(site, request_id, user_id, release_id, arm, item_ids, sources, served_at, took_ms) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, now() - %s * interval '1 hour', %s)",
            slates,
        )
        cursor.executemany(
            'INSERT INTO recsys.event (site, event_id, user_id, item_id, event_type, "timestamp", request_id) '
            "VALUES (%s, %s, %s, %s, %s, now() - %s * interval '1 hour', %s)",
            events,
        )


def judge(context: StageContext) -> judge_experiments.Judged:
    (judged,) = judge_experiments.run(site=SITE, context=context).judged
    return judged


def test_a_harmful_arm_is_aborted_at_the_first_sure_look(context):
    change_experiment.start(site=SITE, definition=DEFINITION, context=context)
    visits(context, {"live": 0.3, "plain": 0.1})
    started_ago(context, 1.5)
    judged = judge(context)
    assert judged.state == "aborted"
    assert "ctr is worse than live's by at least" in judged.reason
    assert min(judged.users.values()) > 500
    assert judge_experiments.run(site=SITE, context=context).judged == ()


def test_an_arm_that_is_liked_but_slow_breaks_its_guardrail(context):
    guarded = {**DEFINITION, "guardrails": [{"metric": "latency", "max_harm": 0.5}]}
    change_experiment.start(site=SITE, definition=guarded, context=context)
    visits(context, {"live": 0.1, "plain": 0.3}, took_ms={"live": 4.0, "plain": 20.0})
    started_ago(context, 4)
    judged = judge(context)
    assert judged.state == "aborted"
    assert "latency" in judged.reason


def test_a_better_arm_is_promoted_when_it_ran_long_enough(context):
    change_experiment.start(site=SITE, definition=DEFINITION, context=context)
    visits(context, {"live": 0.1, "plain": 0.3})
    started_ago(context, 1.5)
    early = judge(context)
    assert (early.state, early.ramp) == ("running", 0.05)
    assert "3 hours are not over" in early.reason
    started_ago(context, 4)
    assert judge(context).state == "promoted"


def test_what_is_equal_goes_on_with_more_users_and_ends_undecided(context):
    change_experiment.start(site=SITE, definition=DEFINITION, context=context)
    visits(context, {"live": 0.2, "plain": 0.2})
    started_ago(context, 2.5)
    judged = judge(context)
    assert (judged.state, judged.ramp) == ("running", 0.45)
    assert "not surely more than" in judged.reason
    again = judge(context)
    assert (again.state, again.users) == (judged.state, judged.users)
    started_ago(context, 700)
    assert judge(context).state == "inconclusive"


@pytest.mark.parametrize(("plain", "ramp"), [(0.2, 0.05), (0.6, 0.45)])
def test_a_careful_ramp_stands_until_a_harm_is_surely_excluded(context, plain, ramp):
    definition = DEFINITION | {"unproven_share": 0.05, "min_hours": 300}
    change_experiment.start(site=SITE, definition=definition, context=context)
    visits(context, {"live": 0.2, "plain": plain})
    started_ago(context, 2.5)
    assert judge(context).ramp == ramp


def test_a_promotion_waits_for_a_person_where_that_is_wanted(context):
    change_experiment.start(site=SITE, definition={**DEFINITION, "approval": True}, context=context)
    visits(context, {"live": 0.1, "plain": 0.3})
    started_ago(context, 4)
    judged = judge(context)
    assert judged.state == "running"
    assert judged.decisions[0].outcome == "promote"
    done = change_experiment.promote(site=SITE, experiment_id="plain", by="ada", context=context)
    assert (done.state, experiments.history(context.dsn, SITE, "plain").history[-1].changed_by) == ("promoted", "ada")


def test_a_control_that_changed_meanwhile_ends_the_comparison(context):
    change_experiment.start(site=SITE, definition=DEFINITION, context=context)
    visits(context, {"live": 0.1, "plain": 0.3})
    started_ago(context, 4)
    with transaction(context.dsn) as cursor:
        cursor.execute(
            "INSERT INTO recsys.release (site, release_id, state, as_of, created_at, published) "
            "VALUES (%s, 'a', 'live', now(), now(), true)",
            (SITE,),
        )
        cursor.execute(
            "INSERT INTO recsys.live_release (site, surface, release_id, activated_at) "
            "VALUES (%s, 'recommendations', 'a', now() - interval '1 hour')",
            (SITE,),
        )
    judged = judge(context)
    assert (judged.state, judged.reason) == (
        "inconclusive",
        "a went live while it ran: what users got before cannot be compared with what they get now.",
    )


def test_the_joined_table_is_kept_by_day_and_says_what_the_raw_tables_say(context):
    change_experiment.start(site=SITE, definition=DEFINITION, context=context)
    visits(context, {"live": 0.2, "plain": 0.2})
    started_ago(context, 2.5)
    judged = judge(context)
    kept = context.blobs.list(f"experiments/{SITE}/plain/")
    assert len([key for key in kept if "/outcomes/" in key]) in (1, 2)
    assert {key.rpartition("/")[2] for key in kept if "/report/" in key} == {
        "report.md",
        "users.png",
        "lift_plain_ctr.png",
    }
    assert judged.report.endswith("/report/report.md")
    with transaction(context.dsn) as cursor:
        cursor.execute(
            "SELECT split_part(arm, '/', 2), count(DISTINCT user_id) FROM recsys.impression WHERE site = %s GROUP BY 1",
            (SITE,),
        )
        assert dict(cursor.fetchall()) == judged.users


def test_experiments_of_the_yaml_are_started_once(context):
    declare(
        context, "experiments:\n  - {id: calm, arms: [{name: a, share: 0.5}, {name: b, share: 0.5, mode: offline}]}\n"
    )
    assert judge_experiments.run(site=SITE, context=context).started == ("calm",)
    change_experiment.abort(site=SITE, experiment_id="calm", context=context)
    assert judge_experiments.run(site=SITE, context=context).started == ()


def test_experiments_of_the_yaml_that_share_users_are_refused(context):
    arms = "arms: [{name: a, share: 0.5}, {name: b, share: 0.5, mode: offline}]"
    declare(context, f"experiments:\n  - {{id: one, {arms}}}\n  - {{id: two, {arms}}}\n")
    with pytest.raises(ConfigError, match=r"'one' in layer 'default'.*which 'two' has too"):
        load_site(context.settings.sites_dir, SITE)


def test_a_definition_that_cannot_run_is_refused_with_its_key(context):
    with pytest.raises(ConfigError, match=r"experiment: metric: Input should be"):
        change_experiment.start(site=SITE, definition={**DEFINITION, "metric": "luck"}, context=context)
    with pytest.raises(ConfigError, match="found site 'other', expected"):
        change_experiment.start(site=SITE, definition={**DEFINITION, "site": "other"}, context=context)
    with pytest.raises(ExperimentError, match="has no experiment 'plain'"):
        change_experiment.promote(site=SITE, experiment_id="plain", context=context)
