"""Dagster's private modules: used in one place, and what an upgrade of Dagster took away is named."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import taxi_assets

PACKAGE = Path(taxi_assets.__file__).parent
INTERNALS = PACKAGE / "orchestration" / "dagster_internals"


def imported(path: Path) -> Iterator[tuple[str, str | None]]:
    """Modules, and the name taken from each, of every import in the file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def is_private(module: str, name: str | None) -> bool:
    """Whether it belongs to Dagster or one of its libraries, and begins with an underscore anywhere."""
    parts = [*module.split("."), *([name] if name else [])]
    return parts[0].split("_")[0] == "dagster" and any(part.startswith("_") for part in parts)


def test_nothing_else_imports_private_modules_of_dagster() -> None:
    elsewhere = [path for path in sorted(PACKAGE.rglob("*.py")) if INTERNALS not in path.parents]
    assert len(elsewhere) > 50
    found = {
        str(path.relative_to(PACKAGE)): [pair for pair in imported(path) if is_private(*pair)] for path in elsewhere
    }
    assert {path: names for path, names in found.items() if names} == {}


def test_nothing_else_spells_a_tag_of_dagster_as_a_literal() -> None:
    """Keys of metadata are no tags, and Dagster exports none of them; they stand in ``names.py``."""
    allowed = PACKAGE / "orchestration" / "names.py"
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {node.value}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and str(node.value).startswith(("dagster/", ".dagster/")) and path != allowed
    ]
    assert found == []


def test_this_dagster_still_has_every_private_name() -> None:
    names = sorted({pair for path in INTERNALS.glob("*.py") for pair in imported(path) if is_private(*pair)})
    assert len(names) > 15
    gone = [f"{module}.{name}" for module, name in names if not there(module, name)]
    assert gone == [], "gone from Dagster; dagster_internals says what each was for"


def there(module: str, name: str | None) -> bool:
    try:
        found = importlib.import_module(module)
    except ImportError:
        return False
    return name is None or hasattr(found, name)


def test_every_private_name_has_a_reason() -> None:
    """A comment stands above each import."""
    for path in INTERNALS.glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        imports = [number for number, line in enumerate(lines) if line.startswith("from dagster")]
        assert [lines[number] for number in imports if not lines[number - 1].startswith("# ")] == []
