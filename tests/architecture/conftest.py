"""What the architecture tests look at: the project's own files, parsed once."""

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("recsys", "web_service", "dags", "plugins", "tests", "benchmarks")
NOT_OURS = {".env", ".git", ".venv", ".recsys", "postgres_data", "catboost_info", "dist", "build"}


@dataclass(frozen=True)
class Source:
    """One Python file; ``name`` is its path from the root, with slashes."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.name)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    """Every Python file of the project."""
    return [Source(path) for folder in CODE for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.fixture(scope="session")
def library(sources: list[Source]) -> list[Source]:
    """The Python files of ``recsys/``."""
    return [source for source in sources if source.name.startswith("recsys/")]


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """Every text file of the project, by name: code, docs, configuration."""
    found = {}
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if NOT_OURS & set(parts) or any(part.endswith(("cache", "cache__")) or part == ".hypothesis" for part in parts):
            continue
        if path.is_file() and (b"\0" not in (content := path.read_bytes())):
            found["/".join(parts)] = content.decode("utf-8")
    return found
