"""The docs say what is really there."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.main import get_command

from recsys.candidates.registry import KINDS
from recsys.cli import app
from recsys.evaluation.catalogue_metrics import OF_SLATES
from recsys.evaluation.metrics import PER_USER
from recsys.events.fetching.registry import FETCHERS
from recsys.events.sources.registry import SOURCES
from recsys.events.sources.tables import TableParams
from recsys.predictors.session.kinds import LEARNERS
from recsys.sites import SiteConfig

MACHINE_PATH = re.compile(r"(?<![\w.~/}$-])/(?:root|work|Users|home(?!/airflow))/\w")
RECORD = ["Status", "Context", "Decision", "Consequences"]
REGISTRY = re.compile(r"https?://[^\s)\"']*(?:pypi|artifactory|nexus|registry|simple/)|--(?:extra-)?index-url")


@pytest.fixture(scope="session")
def docs(texts) -> dict[str, str]:
    return {name: text for name, text in texts.items() if name.endswith(".md")}


def test_every_site_key_stands_in_the_docs_with_its_default(docs):
    rows = dict(re.findall(r"^\| `([^`]+)` \| `?([^|`]*?)`? \|", docs["docs/sites.md"], flags=re.MULTILINE))
    parts = [(params, f"{kind}.") for kind, (params, _) in [*KINDS.items(), *SOURCES.items(), *FETCHERS.items()]]
    parts.append((TableParams, "table."))
    parts += [(learner.params, f"session.{kind}.") for kind, learner in LEARNERS.items()]
    keys = {key: default for model, prefix in [(SiteConfig, ""), *parts] for key, default in _keys(model, prefix)}
    assert set(rows) == set(keys)
    assert {key: rows[key] for key, default in keys.items() if default is not None and rows[key] != default} == {}


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    of_every_table = TableParams.model_fields if issubclass(model, TableParams) and model is not TableParams else {}
    for name, field in model.model_fields.items():
        if name in of_every_table:
            continue
        inner, is_list = _inner(field)
        if inner is None or is_list or field.default is None or (prefix == "" and name == "source"):
            yield prefix + name, _default(field)
        if inner is not None:
            yield from _keys(inner, f"{prefix}{name}{'[]' if is_list else ''}.")


def _inner(field: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return (models[0], get_origin(field.annotation) is tuple) if models else (None, False)


def _default(field: FieldInfo) -> str | None:
    if field.is_required():
        return "required"
    default: Any = field.get_default(call_default_factory=True)
    if (
        isinstance(default, tuple)
        and default
        and all(isinstance(part, str) or hasattr(part, "kind") for part in default)
    ):
        return ", ".join(part if isinstance(part, str) else part.kind for part in default)
    return default if isinstance(default, str) else json.dumps(default)


def test_every_stage_stands_in_the_architecture(docs, library):
    stages = [s.path.stem for s in library if s.name.startswith("recsys/stages/") and "\ndef run(" in s.text]
    assert stages
    assert [stage for stage in stages if f"`{stage}`" not in docs["docs/architecture.md"]] == []


def test_every_metric_has_its_heading(docs):
    headings = re.findall(r"^#+ .*$", docs["docs/metrics.md"], re.MULTILINE)
    names = {*PER_USER, "coverage", *OF_SLATES}
    assert {name for name in names if not any(f"`{name}@k`" in heading for heading in headings)} == set()


def test_decisions_are_numbered_once_and_say_why(docs):
    records = sorted(name for name in docs if re.match(r"docs/decisions/\d", name))
    assert [name.split("/")[-1][:4] for name in records] == [f"{n:04d}" for n in range(1, len(records) + 1)]
    for name in records:
        assert re.match(r"# \d{4}\. .+\n\nDate: \d{4}-\d\d-\d\d\n", docs[name]), name
        assert re.findall(r"^## (\w+)", docs[name], re.MULTILINE) == RECORD, name
        assert name.split("/")[-1] in docs["docs/architecture.md"], name


def test_links_within_the_project_lead_somewhere(docs, root):
    links = [(name, link) for name, text in docs.items() for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    inside = [(name, link) for name, link in links if not re.match(r"\w+:", link)]
    assert [f"{name}: {link}" for name, link in inside if not _leads_somewhere(root / name, link)] == []


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if target.is_dir():
        return any(target.iterdir())
    return target.exists() and (not anchor or anchor in _anchors(target.read_text(encoding="utf-8")))


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_commands_in_the_docs_exist(docs, texts):
    targets = set(re.findall(r"^([a-z][\w-]*):", texts["Makefile"], re.MULTILINE))
    spans = [
        span for text in docs.values() for span in re.findall(r"`[^`\n]+`|^(?:\$ )?(?:make|recsys) .*", text, re.M)
    ]
    made = {word for span in spans for word in re.findall(r"\bmake ([a-z][\w-]*)", span)}
    assert made <= targets
    command: Any = get_command(app)
    for span in spans:
        for words in re.findall(r"(?:^|[`$] ?)recsys((?: [a-z][a-z_-]*)+)", span):
            first, *rest = words.split()
            assert first in command.commands, span
            inner = getattr(command.commands[first], "commands", None)
            assert inner is None or not rest or rest[0] in inner, span


def test_the_changelog_has_this_version(docs, texts):
    version = tomllib.loads(texts["pyproject.toml"])["project"]["version"]
    assert re.search(rf"^## \[{re.escape(version)}\]", docs["CHANGELOG.md"], re.MULTILINE)


def test_the_project_speaks_of_itself_alone(texts):
    """No path of one machine, no package index: a clone must work, and read well, anywhere."""
    mine = "tests/architecture/test_docs.py"
    found = [
        f"{name}: {match.group()}"
        for name, text in texts.items()
        if name != mine
        for pattern in (MACHINE_PATH, REGISTRY)
        for match in pattern.finditer(text)
    ]
    assert found == []
