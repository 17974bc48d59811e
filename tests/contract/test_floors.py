"""The floors of the house: which room may import which, read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("spark_jobs", "quality", "training")
OURS = ("gristmill", *ROOMS)
SEARCHED = (*OURS, "dags", "bench", "tests")
MAX_LINES = 400


@dataclass(frozen=True)
class Import:
    """One import statement: which file, which line, which module, and whether it waits for a call."""

    file: str
    line: int
    module: str
    lazy: bool

    @property
    def top(self) -> str:
        return self.module.split(".")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in files(*OURS)}


def imports(path: Path) -> list[Import]:
    """Every import of a file. `from a import b` names the module a.b where that is one of ours."""
    name = path.relative_to(ROOT).as_posix()
    return [Import(name, *found) for found in _walk(ast.parse(path.read_text(encoding="utf-8")), lazy=False)]


def _walk(node: ast.AST, lazy: bool) -> Iterator[tuple[int, str, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((child.lineno, alias.name, lazy) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute here, so that they can be read"
            base = child.module or ""
            names = (f"{base}.{alias.name}" for alias in child.names)
            yield from ((child.lineno, name if name in MODULES else base, lazy) for name in names)
        else:
            yield from _walk(child, lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))


def found_in(*folders: str) -> list[Import]:
    return [found for path in files(*folders) for found in imports(path)]


def test_the_source_is_where_these_tests_look() -> None:
    assert all(files(folder) for folder in (*OURS, "dags"))


def test_the_kernel_imports_no_room() -> None:
    assert [str(found) for found in found_in("gristmill") if found.top in (*ROOMS, "dags")] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_no_other_room(room: str) -> None:
    others = {*ROOMS, "dags"} - {room}
    assert [str(found) for found in found_in(room) if found.top in others] == []


def test_dags_declare_with_airflow_and_the_kernel_alone() -> None:
    heavy = {"pyspark", "torch", "pandas", "pyarrow", "numpy", *ROOMS}
    assert [str(found) for found in found_in("dags") if found.top in heavy] == []


def test_only_the_airflow_side_and_the_dags_import_airflow() -> None:
    side = ("gristmill/airflow/", "dags/")
    strays = [
        found
        for found in found_in(*OURS, "dags")
        if (found.top == "airflow" or found.module.startswith("gristmill.airflow"))
        and not found.file.startswith(side)
        and not (found.file == "quality/web.py" and found.lazy)
    ]
    assert [str(found) for found in strays] == []


@pytest.mark.parametrize(
    ("library", "room"), [("pyspark", "spark_jobs"), ("torch", "training"), ("deepspeed", "training")]
)
def test_an_engine_stays_in_its_room(library: str, room: str) -> None:
    others = [folder for folder in (*OURS, "dags") if folder != room]
    assert [str(found) for found in found_in(*others) if found.top == library] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        name: {found.module for found in imports(path) if found.module in MODULES} - {name}
        for name, path in MODULES.items()
    }
    left = {name: set(targets) for name, targets in graph.items()}
    while free := {name for name, targets in left.items() if not targets}:
        left = {name: targets - free for name, targets in left.items() if name not in free}
    assert left == {}, f"these import each other in a circle: {left}"


def test_every_file_can_be_read_in_one_go() -> None:
    counts = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files(*SEARCHED)}
    assert [f"{path}: {count} lines" for path, count in counts.items() if count > MAX_LINES] == []
