"""The hierarchy of errors is as it is drawn, and only its leaves are raised."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import taxi_assets
from taxi_assets import errors
from taxi_assets.errors import PassingError, PermanentError, TaxiAssetsError

PACKAGE = Path(taxi_assets.__file__).parent
FAMILIES = (TaxiAssetsError, PermanentError, PassingError)


def drawn() -> dict[str, tuple[str | None, str]]:
    """Each error in the drawing with the one that it hangs from and what is said of it."""
    found: dict[str, tuple[str | None, str]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r"    ((?:[│ ]   )*)(?:[├└]── )?(\w+Error)(?: +(.*))?", line)
        if match is None:
            continue
        depth = len(match[1]) // 4 + ("── " in line)
        above[depth:] = [match[2]]
        found[match[2]] = (above[depth - 1] if depth else None, match[3] or "")
    return found


def test_the_drawing_is_the_hierarchy() -> None:
    classes = {name: found for name, found in vars(errors).items() if inspect.isclass(found)}
    assert {name: parent for name, (parent, _) in drawn().items()} == {
        name: None if found is TaxiAssetsError else found.__bases__[0].__name__ for name, found in classes.items()
    }
    assert len(classes) > 10


def test_the_drawing_says_who_raises_each_error_and_what_is_retried() -> None:
    said = {name: text for name, (_, text) in drawn().items() if name != "TaxiAssetsError"}
    assert all(said.values())
    assert said["PermanentError"].startswith("is not retried")
    assert said["PassingError"].startswith("is retried")


def raised_in(path: Path) -> set[str]:
    """Names that stand where an error is raised, made, or chosen to be."""
    places = (ast.Raise, ast.Return, ast.Assign)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = [node for node in ast.walk(tree) if isinstance(node, places)]
    return {name.id for node in statements for name in ast.walk(node) if isinstance(name, ast.Name)}


def test_every_error_is_raised_somewhere_and_no_family_is() -> None:
    raised = set[str]().union(*(raised_in(path) for path in PACKAGE.rglob("*.py") if path.name != "errors.py"))
    families = {family.__name__ for family in FAMILIES}
    assert set(drawn()) - families <= raised
    asks = {PACKAGE / "orchestration/assets/failures.py", PACKAGE / "cli/shared/codes.py"}
    assert {path for path in PACKAGE.rglob("*.py") if raised_in(path) & families} == asks, "which ask what an error is"


def test_a_bad_argument_is_what_python_calls_one_too() -> None:
    assert issubclass(errors.ArgumentError, ValueError)
