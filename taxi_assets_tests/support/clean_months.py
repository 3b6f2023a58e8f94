"""Clean months for tests of what comes after cleaning: made from the registry, so that every dataset has them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.datasets.columns import Column, ColumnType, Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.steps.files.clean_file import FOOTER_KEY, CleanFile

ARROW = {
    ColumnType.CODE: pa.int16(),
    ColumnType.INTEGER: pa.int32(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.TEXT: pa.string(),
    ColumnType.TIME: pa.timestamp("us"),
    ColumnType.DATE: pa.date32(),
}


def clean_table(dataset: Dataset, month: TripMonth, rows: int, first: int = 0) -> pa.Table:
    """Rows ``first`` to ``first + rows``; each column of each row differs, every third optional value is NULL."""
    numbers = range(first, first + rows)
    columns = {
        column.name: pa.array([_value(column, place, number, month) for number in numbers], ARROW[column.type])
        for place, column in enumerate(dataset.table_columns)
    }
    return pa.table(columns)


def write_clean(
    folder: Path, month: TripMonth, rows: int | pa.Table = 1000, *, row_group: int = 250, content_id: str | None = None
) -> CleanFile:
    """A clean file of that many rows (or of that table) in ``folder``, and its figures."""
    dataset = DATASETS[month.dataset]
    table = clean_table(dataset, month, rows) if isinstance(rows, int) else rows
    path = folder / f"{month.stem}-{uuid4().hex[:6]}.parquet"
    clean = CleanFile(
        month=month,
        path=path,
        rejected_path=path,
        rows=table.num_rows,
        rejected_rows=0,
        published_rows=table.num_rows,
        content_id=content_id or uuid4().hex,
        raw_sha256="0" * 64,
        source="test",
        synthetic=True,
        unreadable={},
    )
    described = table.replace_schema_metadata({FOOTER_KEY: footer_of(clean)})
    pq.write_table(described, path, row_group_size=row_group, compression="zstd")
    return clean


def footer_of(clean: CleanFile) -> str:
    """What a clean file's footer says of it."""
    elsewhere = ("month", "path", "rejected_path", "sha256", "unchanged")
    return json.dumps({name: value for name, value in vars(clean).items() if name not in elsewhere})


def with_rows(clean: CleanFile, rows: int) -> CleanFile:
    """The same file with another claim of how many rows it has."""
    return replace(clean, rows=rows)


def sorted_rows(rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Rows in an order that does not depend on who returned them; NULLs first."""
    return sorted(rows, key=lambda row: [(value is not None, value) for value in row])


def _value(column: Column, place: int, number: int, month: TripMonth) -> object:
    if column.name == "file_month":
        return month.first_day
    if not column.required and (place + number) % 3 == 0:
        return None
    start = datetime(month.first_day.year, month.first_day.month, 1)  # noqa: DTZ001  # wall-clock time
    values = {
        ColumnType.CODE: (place * 7 + number) % 265,
        ColumnType.INTEGER: place * 100_000 + number,
        ColumnType.NUMBER: round(number * 0.37 - place, 2),
        ColumnType.TEXT: f"{column.name[:3]} {number % 50} é",
        ColumnType.TIME: start + timedelta(seconds=number * 30 + place),
    }
    return values[column.type]
