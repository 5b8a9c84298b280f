"""Who may know whom, and what an import may cost."""

import ast
import importlib
import subprocess
import sys

import pytest

HEAVY = {
    *("pandas", "polars", "numpy", "pyarrow", "pyspark", "airflow", "mlflow", "catboost", "implicit", "scipy"),
    "opentelemetry",
}
DAG_MAY_IMPORT = {"__future__", "datetime", "airflow", "recsys_airflow"}
DAG_LINES = 60

IMPORT_QUIETLY = """
import importlib, os, sys
import pydantic
pydantic.create_model("First")  # looks for pydantic's plugins, once

def ours(frame):
    while frame:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return None
        if name.startswith(sys.argv[1]):
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back

def blame(what):
    if where := ours(sys._getframe(2)):
        sys.exit(f"{where}: {what} while importing")

def watch(event, arguments):
    if event in {"open", "os.listdir", "os.scandir", "os.mkdir", "socket.__new__", "socket.connect",
                 "subprocess.Popen", "sqlite3.connect"}:
        blame(f"{event} {arguments[0]!r}")

def watched(method):
    def read(self, *key):
        if not str(*key[:1]).startswith(("PYDANTIC_", "POLARS_")):  # a library's own switches, asked for at each use
            blame(f"environment read {key}")
        return method(self, *key)
    return read

for name in ("__getitem__", "__iter__", "__contains__"):
    setattr(os._Environ, name, watched(getattr(os._Environ, name)))
sys.addaudithook(watch)
for module in sys.argv[2:]:
    importlib.import_module(module)
"""


def _run(*arguments: str, cwd=None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*arguments], capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def modules(library) -> list[str]:
    """Every module of the library, as it is imported."""
    names = [source.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for source in library]
    return [name for name in names if not name.endswith("__main__")]


def test_the_import_rules_hold(root):
    outcome = _run(sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", cwd=root)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_what_the_web_imports_stays_light(root):
    show = "import sys, web_service.app; print(*{name.partition('.')[0] for name in sys.modules})"
    outcome = _run(sys.executable, "-W", "error", "-c", show, cwd=root)
    assert outcome.returncode == 0, outcome.stderr
    assert HEAVY & set(outcome.stdout.split()) == set()


def test_importing_the_library_does_no_io(root, modules):
    outcome = _run(sys.executable, "-c", IMPORT_QUIETLY, str(root / "recsys"), *modules, cwd=root)
    assert outcome.returncode == 0, outcome.stderr


def test_the_io_watch_sees_a_module_that_reads_at_import(tmp_path):
    for name, body in {
        "reads_a_file": "open(__file__).close()",
        "reads_env": "import os\nos.environ.get('HOME')",
    }.items():
        (tmp_path / f"{name}.py").write_text(f"{body}\n")
        outcome = _run(sys.executable, "-c", IMPORT_QUIETLY, str(tmp_path), name, cwd=tmp_path)
        assert f"{name}.py" in outcome.stderr
        assert outcome.returncode == 1


def test_a_dag_says_when_and_nothing_else(sources):
    """At most 60 lines; only Airflow and our plugin at module level; the library's doors inside tasks."""
    dags = [source for source in sources if source.name.startswith("dags/")]
    assert dags
    assert {dag.name: n for dag in dags if (n := len(dag.text.splitlines())) > DAG_LINES} == {}
    for dag in dags:
        at_top = {name for node in dag.tree.body for name in _modules(node)}
        anywhere = {name for node in ast.walk(dag.tree) for name in _modules(node)}
        library = {".".join(name.split(".")[:2]) for name in anywhere if name.split(".")[0] == "recsys"}
        assert {name.split(".")[0] for name in at_top} <= DAG_MAY_IMPORT, dag.name
        assert library <= {"recsys.stages", "recsys.sites", "recsys.layout"}, dag.name


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_every_exported_name_exists(modules):
    """The other half, nothing imported in an ``__init__`` that is not exported, is ruff's F401."""
    for name in modules:
        module = importlib.import_module(name)
        assert (name, set(getattr(module, "__all__", ())) - vars(module).keys()) == (name, set())
