"""What the benchmark imports, as its files say it: no test, nothing that only developers have, no name that is gone."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import benchmarks

FOLDER = Path(benchmarks.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
OURS = re.compile(r"(benchmarks|taxi_assets)(\.\w+)+(?<!\.md)(?<!\.json)")


def texts(file: Path) -> Iterator[str]:
    """Every text in a file's code."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FOLDER)))
def test_modules_that_are_named_as_text_exist(file: Path):
    named = {text for text in texts(file) if OURS.fullmatch(text)}

    assert [name for name in sorted(named) if not importlib.util.find_spec(name)] == []
