import ast
from datetime import timedelta

import jinja2
import pytest
from airflow.sdk.definitions.mappedoperator import MappedOperator

from tests.dags.conftest import DAGS, YAML

STRUCTURE = {
    "ingest_events__alpha": {"ingest": ([], ["event_log__alpha"], ["report"]), "report": ([], [], [])},
    "consume_stream__alpha": {"consume": ([], ["event_log__alpha"], [])},
    "fetch_items__alpha": {"fetch": ([], [], [])},
    "build_candidates__alpha": {
        "build": ([], [], ["announce"]),
        "announce": ([], ["candidates__alpha"], []),
    },
    "train_ranker__alpha": {
        "train": (["candidates__alpha"], [], ["announce"]),
        "announce": ([], ["ranker__alpha"], []),
    },
    "release_recommendations__alpha": {
        "release": (["ranker__alpha"], [], ["announce"]),
        "announce": ([], ["release__alpha"], []),
    },
    "tune__alpha": {
        "plan": ([], [], ["conclude", "round_1", "round_2", "round_3"]),
        "round_1": ([], [], ["trials_1"]),
        "trials_1": ([], [], ["round_2"]),
        "round_2": ([], [], ["trials_2"]),
        "trials_2": ([], [], ["round_3"]),
        "round_3": ([], [], ["trials_3"]),
        "trials_3": ([], [], ["conclude"]),
        "conclude": ([], [], ["train"]),
        "train": ([], [], []),
    },
    "train_predictors__alpha": {"intent": ([], [], []), "ctr": ([], [], []), "session": ([], [], [])},
    "judge_experiments__alpha": {"judge": ([], [], [])},
    "watch_drift__alpha": {
        "watch": ([], [], ["announce", "announce_predictors"]),
        "announce": ([], ["drift__alpha"], []),
        "announce_predictors": ([], ["predictor_drift__alpha"], []),
    },
    "maintain_storage": {"sites": ([], [], ["maintain"]), "maintain": ([], [], [])},
}
"""DAG → task → assets it reads, assets it announces, tasks that follow."""
STARTED_BY = {
    "consume_stream__alpha": ["stream__alpha"],
    "build_candidates__alpha": ["event_log__alpha", "drift__alpha"],
    "train_predictors__alpha": ["ranker__alpha", "predictor_drift__alpha"],
    "train_ranker__alpha": ["candidates__alpha"],
    "release_recommendations__alpha": ["ranker__alpha"],
}
FLOW = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match)
MOST_STATEMENTS = 5


def names(assets):
    return [asset.name for asset in assets]


def test_the_tasks_and_what_they_hand_on(dagbag):
    found = {
        dag_id: {
            task.task_id: (names(task.inlets), names(task.outlets), sorted(task.downstream_task_ids))
            for task in dag.tasks
        }
        for dag_id, dag in dagbag.dags.items()
        if dag_id in STRUCTURE
    }
    assert found == STRUCTURE


def test_the_assets_that_start_a_dag(dagbag):
    conditions = {
        dag_id: getattr(dag.timetable, "asset_condition", None)
        for dag_id, dag in dagbag.dags.items()
        if dag_id in STRUCTURE
    }
    found = {dag_id: names(condition.objects) for dag_id, condition in conditions.items() if condition}
    assert found == STARTED_BY


def test_predictors_with_a_time_of_their_own_do_not_follow_the_ranker(write_site, parse):
    write_site("alpha", "predictors_cron: 30 3 * * *")
    dag = parse().dags["train_predictors__alpha"]
    assert dag.timetable.asset_condition.name == "predictor_drift__alpha"
    assert dag.timetable.timetable.expression == "30 3 * * *"


def rendered(approve, *, decided):
    """What a person reads, from what the task ``decided`` reported: subject and the body up to the link."""

    class Reported:
        def xcom_pull(self, task_ids):
            return {decided: {"release_id": "r1", "reason": "Better.", "page": "http://page"}}[task_ids]

    subject, body = (jinja2.Template(text).render(ti=Reported()) for text in (approve.subject, approve.body))
    return subject, body[: body.index(")") + 1]


def test_every_site_has_assets_of_its_own(dagbag):
    outlets = [
        (dag_id, asset.name) for dag_id, dag in dagbag.dags.items() for task in dag.tasks for asset in task.outlets
    ]
    assert [each for each in outlets if each[0].partition("__")[2] != each[1].partition("__")[2]] == []
    assert len({name for _, name in outlets}) == 18


def test_a_site_that_wants_to_be_asked_is_asked_between_the_gate_and_the_pointer(write_site, parse):
    write_site("alpha", text=YAML.format(site="alpha", schedule="") + "approval: {required: true, timeout_hours: 36}\n")
    dag = parse().dags["release_recommendations__alpha"]
    follow = {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}
    assert follow == {
        "release": ["activate", "approve"],
        "approve": ["activate"],
        "activate": ["announce"],
        "announce": [],
    }
    approve = dag.get_task("approve")
    assert (approve.options, approve.defaults) == (["Approve", "Reject"], ["Reject"])
    assert rendered(approve, decided="release") == ("May r1 go live?", "Better.\n\n[The report](http://page)")
    assert approve.response_timeout == timedelta(hours=36)
    assert dag.dagrun_timeout > timedelta(hours=36) + 3 * approve.execution_timeout


def test_each_predictor_is_asked_for_where_the_site_wants_that(write_site, parse):
    write_site("alpha", text=YAML.format(site="alpha", schedule="") + "approval: {required: true, timeout_hours: 36}\n")
    dag = parse().dags["train_predictors__alpha"]
    assert {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} == {
        task: follow
        for surface in ("intent", "ctr", "session")
        for task, follow in {
            surface: [f"activate_{surface}", f"approve_{surface}"],
            f"approve_{surface}": [f"activate_{surface}"],
            f"activate_{surface}": [],
        }.items()
    }
    for surface in ("intent", "ctr"):
        asked = rendered(dag.get_task(f"approve_{surface}"), decided=surface)
        assert asked == ("May r1 go live?", "Better.\n\n[The report](http://page)")
    assert dag.dagrun_timeout > timedelta(hours=36)


def test_maintenance_is_one_mapped_task_for_each_site(dagbag):
    assert isinstance(dagbag.dags["maintain_storage"].get_task("maintain"), MappedOperator)


@pytest.mark.parametrize("path", sorted(DAGS.glob("*.py")), ids=lambda path: path.stem)
def test_a_task_calls_one_stage_and_decides_nothing(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tasks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and any("task" in ast.unparse(each) for each in node.decorator_list)
    ]
    assert tasks or path.stem == "sites"
    for body in tasks:
        statements = [node for node in ast.walk(body) if isinstance(node, ast.stmt)][1:]
        runs = [
            node
            for node in ast.walk(body)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "run"
        ]
        assert len(statements) <= MOST_STATEMENTS, body.name
        assert len(runs) <= 1, body.name
        assert [node for node in ast.walk(body) if isinstance(node, FLOW)] == [], body.name
