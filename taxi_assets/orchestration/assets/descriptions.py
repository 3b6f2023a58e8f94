"""What an asset's page says of it beside its figures: how its rows are read, and where its code is.

Belongs here: texts and references for people. Not here: what a layer is (each asset's own module).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dagster import CodeReferencesMetadataValue, LocalFileCodeReference

from taxi_assets.datasets.columns import Dataset
from taxi_assets.orchestration.layers import CLEAN, LAKE, POSTGRES, RAW, WAREHOUSE, Layer
from taxi_assets.orchestration.names import CODE_REFERENCES

_STEPS: Mapping[Layer, tuple[str, str]] = {
    RAW: ("taxi_assets.steps.raw.fetch", "fetch_month"),
    CLEAN: ("taxi_assets.steps.clean.clean", "clean_month"),
    POSTGRES: ("taxi_assets.steps.postgres.load", "load_month"),
    LAKE: ("taxi_assets.steps.lake.copy", "copy_month"),
    WAREHOUSE: ("taxi_assets.steps.warehouse.load", "load_month"),
}
"""The function that does the layer's work; the assets around them look alike."""


def read_it(layer: Layer, dataset: Dataset, table: str) -> str:
    """Lines to copy that read a month of the layer, as Markdown; none for files as they were published."""
    month = max("2019-01", dataset.first_month[:7])
    python = f'```python\nimport taxi_assets\ntrips = taxi_assets.load_trips("{dataset.name}", "{month}")\n```'
    sql = f"```sql\nselect * from {table} where file_month = date '{month}-01' limit 10;\n```"
    if layer in (CLEAN, LAKE):
        return f"\n\n{python}"
    return f"\n\n{sql}\n\n{python}" if layer in (POSTGRES, WAREHOUSE) else ""


def code_of(layer: Layer) -> dict[str, Any]:
    """Metadata by which a page leads to the step's function."""
    module, function = _STEPS[layer]
    path, line = _place(module, function)
    reference = LocalFileCodeReference(file_path=path, line_number=line, label=function)
    return {CODE_REFERENCES: CodeReferencesMetadataValue(code_references=[reference])}


@cache
def _place(module: str, function: str) -> tuple[str, int]:
    """File and line, counted from 1, of a function, without importing what it imports."""
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(module)
    lines = Path(found.origin).read_text(encoding="utf-8").splitlines()
    return found.origin, next(number for number, line in enumerate(lines, 1) if line.startswith(f"def {function}("))
