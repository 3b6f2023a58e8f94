"""Imports within ``orchestration`` run one way: instance, resources, automation, then assets and checks."""

from __future__ import annotations

import ast
from pathlib import Path

import taxi_assets.orchestration

ROOT = Path(taxi_assets.orchestration.__file__).parent
PREFIX = "taxi_assets.orchestration."
BELOW = {"dagster_internals", "layers", "names", "partitions", "records"}
MAY_IMPORT = {
    **dict.fromkeys(BELOW, BELOW),
    "instance": BELOW,
    "resources": BELOW | {"instance"},
    "automation": BELOW | {"instance", "resources"},
    "assets": BELOW | {"instance", "resources", "automation"},
    "checks": BELOW | {"instance", "resources", "automation"},
}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def rooms_imported(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            modules.add(f"{node.module}.")
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return {module.removeprefix(PREFIX).split(".")[0] for module in modules if module.startswith(PREFIX)} - {""}


def test_no_room_imports_one_that_comes_later() -> None:
    paths = [path for path in sorted(ROOT.rglob("*.py")) if path != ROOT / "__init__.py"]
    assert {room_of(path) for path in paths} == set(MAY_IMPORT)
    wrong = {
        str(path.relative_to(ROOT)): later
        for path in paths
        if (later := rooms_imported(path) & set(MAY_IMPORT) - {room_of(path)} - MAY_IMPORT[room_of(path)])
    }
    assert wrong == {}


def test_modules_below_all_rooms_do_not_go_in_circles() -> None:
    imports = {name: rooms_imported(ROOT / f"{name}.py") & BELOW for name in BELOW - {"dagster_internals"}}
    while free := [name for name, needed in imports.items() if not needed & set(imports)]:
        for name in free:
            del imports[name]
    assert imports == {}
