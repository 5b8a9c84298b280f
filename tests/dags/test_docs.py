import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "dags.md"


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def of_site_alpha(dagbag):
    return {
        dag_id.partition("__")[0]: dag for dag_id, dag in dagbag.dags.items() if dag_id.endswith(("alpha", "storage"))
    }


def test_every_kind_has_its_section_and_its_row(dagbag, page):
    kinds = of_site_alpha(dagbag)
    assert set(re.findall(r"^### (\w+)", page, re.MULTILINE)) == set(kinds)
    assert set(re.findall(r"^\| `(\w+?)(?:__<site>)?` \|", page, re.MULTILINE)) == set(kinds)


def test_a_row_names_the_tasks_and_what_they_announce(dagbag, page):
    for kind, dag in of_site_alpha(dagbag).items():
        [row] = re.findall(rf"^\| `{kind}(?:__<site>)?` \|.*", page, re.MULTILINE)
        _, _, _, tasks, announces, _ = row.split("|")
        assert set(re.findall(r"`(\w+)`", tasks)) == set(dag.task_ids)
        outlets = {asset.name for task in dag.tasks for asset in task.outlets}
        assert set(re.findall(r"`([^`]+)`", announces)) == {name.replace("alpha", "<site>") for name in outlets}


def test_every_parameter_stands_in_the_docs(dagbag, page):
    params = {name for dag in dagbag.dags.values() for name in dag.params}
    assert params == {"start_date", "days", "as_of", "release_id", "parts"}
    assert [name for name in params if f"`{name}`" not in page] == []
