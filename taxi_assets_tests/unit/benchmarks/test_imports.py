"""What the benchmark's files import and name: no test, nothing that only developers have, no name that is gone."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import benchmarks

FOLDER = Path(benchmarks.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
OURS = re.compile(r"(benchmarks|taxi_assets)(\.\w+)+(?<!\.md)(?<!\.json)")
ROOMS = ("rig", "contenders", "measures", "report")
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FOLDER)))


def imported(file: Path) -> Iterator[str]:
    """Every module that a file imports, inside of functions too, and those that it has loaded by name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "load_modules":
            yield from (argument.value for argument in node.args)


def texts(file: Path) -> Iterator[str]:
    """Every text in a file's code."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


@pytest.fixture(scope="module")
def found_by_make_bench() -> set[str]:
    """What can be imported where `make bench` has set up: the project's packages, and those it is measured against."""
    locks = (FOLDER.parent / name for name in ("requirements.lock", "requirements-bench.lock"))
    pinned = (re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE) for lock in locks)
    locked = {plain(name) for names in pinned for name in names}
    packages = packages_distributions().items()
    found = {name for name, distributions in packages if locked & {plain(one) for one in distributions}}
    return {*found, *sys.stdlib_module_names, "benchmarks", "taxi_assets"}


# It needs the packages of `make bench`, which `make test-quick` does not set up.
@pytest.mark.slow
@each_file
def test_the_benchmark_imports_nothing_that_make_bench_does_not_install(file: Path, found_by_make_bench: set[str]):
    others = {name.split(".")[0] for name in imported(file)} - found_by_make_bench

    assert others == set(), "the tests, or packages of the dev group only"


@each_file
def test_every_module_finds_what_it_takes_from_the_package(file: Path):
    importlib.import_module(".".join(("benchmarks", *file.relative_to(FOLDER).with_suffix("").parts)))


@each_file
def test_no_room_imports_one_above_it(file: Path):
    room = file.relative_to(FOLDER).parts[0]
    above = ROOMS[ROOMS.index(room) + 1 :] if room in ROOMS else ()

    assert [name for name in imported(file) if name.startswith(tuple(f"benchmarks.{one}." for one in above))] == []


@each_file
def test_modules_that_are_named_as_text_exist(file: Path):
    named = {text for text in texts(file) if OURS.fullmatch(text)}

    assert [name for name in sorted(named) if not importlib.util.find_spec(name)] == []


def test_the_map_of_the_benchmark_names_every_module_and_no_other():
    folder, named = "", []
    for indent, name in re.findall(r"^( +)(\w+(?:/|\.py)) ", benchmarks.__doc__ or "", re.MULTILINE):
        if name.endswith("/"):
            folder = name
        else:
            named.append(name if len(indent) == 4 else folder + name)

    assert sorted(named) == sorted(str(file.relative_to(FOLDER)) for file in FILES if file.name != "__init__.py")
