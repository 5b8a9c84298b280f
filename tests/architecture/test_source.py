"""How the code is written: size, names, clock, randomness, column names."""

import ast
import statistics
from collections.abc import Iterator

from recsys import columns

LONGEST, MEDIAN = 400, 120
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc"}
CLOCK = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {"time", "time_ns", "localtime", "gmtime", "ctime"},
    "pendulum": {"now", "today"},
}
CLOCK_EDGES = ("recsys/cli.py", "recsys/cli/", "recsys/client/", "recsys/local/")
GENERATORS = {"Generator", "default_rng", "SeedSequence", "PCG64"}
FRAME_LIBRARIES = {"polars", "narwhals", "pandas", "pyarrow", "pyspark"}
FRAME_CALLS = {
    *("col", "select", "with_columns", "sort", "group_by", "agg", "join", "join_asof", "drop", "rename", "unique"),
    *("over", "alias", "pivot", "unpivot", "explode", "get_column", "partition_by", "cast", "struct", "exclude"),
    *("Schema", "DataFrame", "LazyFrame", "Series", "drop_nulls", "top_k", "set_sorted", "with_row_index"),
    *("read_parquet", "scan_parquet", "groupby", "merge", "sort_values", "drop_duplicates", "set_index", "field"),
}
COLUMN_NAMES = {value for name, value in vars(columns).items() if name.isupper() and isinstance(value, str)}


def test_files_are_short(sources):
    lines = {source.name: len(source.text.splitlines()) for source in sources}
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}
    assert statistics.median(count for count in lines.values() if count) < MEDIAN


def test_no_file_or_folder_is_a_drawer_without_a_name(sources):
    assert [s.name for s in sources if DRAWERS & {part.strip("_") for part in s.name[:-3].split("/")}] == []


def test_the_library_never_reads_the_clock(library):
    """Telling the time is banned; measuring a duration (monotonic, perf_counter) is not."""
    inside = [source for source in library if not source.name.startswith(CLOCK_EDGES)]
    assert [f"{s.name}:{line} {call}" for s in inside for line, call in _clock_reads(s.tree)] == []


def _clock_reads(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if node.attr in CLOCK.get(owner, ()):
                yield node.lineno, f"{owner}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in {"time", "pendulum"}:
            yield from ((node.lineno, a.name) for a in node.names if a.name in CLOCK[node.module])


def test_randomness_is_a_generator_that_was_passed_in(library):
    assert [f"{s.name}:{line} {what}" for s in library for line, what in _hidden_randomness(s.tree)] == []


def _hidden_randomness(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            if "random" in names:
                yield node.lineno, "import random"
        elif isinstance(node, ast.Call) and ast.unparse(node) in {"np.random.default_rng()", "default_rng()"}:
            yield node.lineno, "a generator without a seed"
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np.random":
            yield from [] if node.attr in GENERATORS else [(node.lineno, f"np.random.{node.attr}")]


def test_columns_are_spelled_in_one_place(library):
    """No literal column in a call on a frame, nor in a subscript where a frame library is imported.

    JSON keys, SQL and YAML keys are not columns of a frame and may be spelled out.
    """
    inside = [source for source in library if source.name != "recsys/columns.py"]
    assert [f"{s.name}:{line} {name!r}" for s in inside for line, name in _column_literals(s.tree)] == []


def _column_literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    with_frames = bool(FRAME_LIBRARIES & set(_imported_roots(tree)))
    for node in ast.walk(tree):
        spelled: list[ast.expr] = []
        if isinstance(node, ast.Call) and (called := _called_name(node)) in FRAME_CALLS:
            spelled = [*node.args, *(keyword.value for keyword in node.keywords)]
            if called in {"with_columns", "select", "agg", "struct"}:
                yield from ((node.lineno, k.arg) for k in node.keywords if k.arg in COLUMN_NAMES)
        elif isinstance(node, ast.Subscript) and with_frames:
            spelled = [node.slice]
        yield from ((node.lineno, name) for part in spelled for name in _strings(part) if name in COLUMN_NAMES)


def _called_name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _strings(node: ast.expr | None) -> Iterator[str]:
    """The string itself, or those directly in a list, tuple, set, or dict's keys."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        for element in node.elts:
            yield from _strings(element)
    elif isinstance(node, ast.Dict):
        for key in node.keys:
            yield from _strings(key)


def _imported_roots(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
