"""What follows from a dataset's columns: the Arrow schema of its clean Parquet, and its fingerprint.

Belongs here: derivations from the registry that more than one step needs. Not here: DDL of the stores, which each
loader derives for itself.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, cast

from taxi_assets.datasets.columns import Column, ColumnType, Dataset
from taxi_assets.steps.clean.rules import REFUSE


def arrow_schema(dataset: Dataset) -> Any:
    """The schema of a month's clean Parquet: the dataset's columns in table order, then ``file_month``.

    Returns:
        A ``pyarrow.Schema``; times have microseconds and no zone. (pyarrow has no type stubs.)
    """
    import pyarrow as pa

    types: dict[ColumnType, Any] = {
        ColumnType.CODE: pa.int16(),
        ColumnType.INTEGER: pa.int32(),
        ColumnType.NUMBER: pa.float64(),
        ColumnType.TEXT: pa.string(),
        ColumnType.TIME: pa.timestamp("us"),
        ColumnType.DATE: pa.date32(),
    }
    return cast("Any", pa.schema([(column.name, types[column.type]) for column in dataset.table_columns]))


def fingerprint(dataset: Dataset) -> str:
    """Identifies what the registry and the rules make of a file, hexadecimal.

    It changes with names, types, aliases, codes and refusal rules, on which the rows of a clean month depend, and not
    with descriptions and meanings, on which they do not.
    """
    facts = {
        "columns": [_facts(column) for column in dataset.table_columns],
        "rules": [(rule.name, rule.predicate) for rule in REFUSE],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _facts(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "type": column.type.name,
        "aliases": column.aliases,
        "codes": dict(column.codes),
        "required": column.required,
    }
