"""The queries over a Parquet file.

Belongs here: canonical values from whatever types the file's columns have, and which rows are rejected. Not here:
running the queries (``clean.py``).

TLC's Parquet files change types from month to month: codes arrive as doubles, columns without a value as "null",
text as large strings, and names change their case (``airport_fee``, ``Airport_fee``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from taxi_assets.datasets.columns import Column, Dataset
from taxi_assets.errors import LayoutError
from taxi_assets.steps.clean.values import NULL_TYPE, cannot_fail, from_type, is_blank, rejection_reason, table_row
from taxi_assets.steps.files.header import ColumnMap, map_columns
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets.steps.files.sql import identifier, literal, parquet_scan

if TYPE_CHECKING:
    import duckdb


def describe(connection: duckdb.DuckDBPyConnection, path: Path) -> list[tuple[str, str]]:
    """Names and DuckDB types of a file's columns; :data:`NULL_TYPE` where the type says that there are no values."""
    from pyarrow import parquet

    query = f"DESCRIBE FROM {parquet_scan(path)}"
    described = connection.execute(query).fetchall()
    schema = cast("Any", parquet.read_schema(path))
    without_values = {field.name for field in schema if str(field.type) == "null"}
    return [(str(name), NULL_TYPE if name in without_values else str(kind)) for name, kind, *_ in described]


@dataclass(frozen=True)
class ParquetQueries:
    """The queries for one file.

    Attributes:
        raw: The file.
        columns: Which of its columns is which.
        types: DuckDB type of each of its columns, by name as published.
        dataset: What it is.
    """

    raw: RawFile
    columns: ColumnMap
    types: Mapping[str, str]
    dataset: Dataset

    @classmethod
    def of(cls, raw: RawFile, described: list[tuple[str, str]], dataset: Dataset) -> ParquetQueries:
        """Builds the queries from what :func:`describe` returned.

        Raises:
            LayoutError: The columns are not those of the dataset, or one has a type that cannot hold its values.
        """
        names = [name for name, _ in described]
        queries = cls(raw, map_columns(names, dataset, raw.path), dict(described), dataset)
        for column in queries.present():
            queries.value(column)
        return queries

    def present(self) -> list[Column]:
        """The canonical columns that the file has."""
        return [column for column in self.dataset.columns if column.name in self.columns.positions]

    def fallible(self) -> list[Column]:
        """Optional columns with values that may not fit: those become NULL and are counted."""
        return [
            column
            for column in self.present()
            if not column.required and not all(cannot_fail(column, kind) for _, kind in self._sources(column))
        ]

    def counts(self) -> str:
        """One row: rows rejected, rows kept, then unreadable values per column of :meth:`fallible`."""
        unreadable = "".join(f", count(*) FILTER (reason IS NULL AND {self._is_lost(c)})" for c in self.fallible())
        rejected, kept = "count(*) FILTER (reason IS NOT NULL)", "count(*) FILTER (reason IS NULL)"
        return f"SELECT {rejected}, {kept}{unreadable} FROM ({self._judged()})"

    def trips(self) -> str:
        """The canonical rows, in the file's order."""
        row = table_row(self.dataset, self.raw.month, self.value)
        return f"SELECT {row} FROM ({self._judged()}) WHERE reason IS NULL"

    def rejected_rows(self) -> str:
        """The rejected rows: number from 1, reason, and the row as JSON."""
        names = ", ".join(f"{literal(name)}: {identifier(name)}" for name in self.types)
        return (
            f"SELECT file_row_number + 1 AS line_number, reason, CAST(to_json({{{names}}}) AS VARCHAR) AS line "
            f"FROM ({self._judged()}) WHERE reason IS NOT NULL"
        )

    def value(self, column: Column) -> str | None:
        """The canonical value of a column, or None when the file does not have it.

        Raises:
            LayoutError: It arrives as a type that cannot hold its values.
        """
        sources = self._sources(column)
        if not sources:
            return None
        readings: list[str] = []
        for name, kind in sources:
            reading = from_type(column, identifier(name), kind)
            if reading is None:
                raise LayoutError(
                    f"{self.raw.path}: column {name!r} arrives as {kind}, which cannot be {column.name} "
                    f"({column.type.duckdb}, {column.description}) Nothing was cleaned. If TLC changed the type, "
                    "teach taxi_assets/steps/clean/values.py to read it"
                )
            readings.append(reading)
        return readings[0] if len(readings) == 1 else f"coalesce({', '.join(readings)})"

    def _sources(self, column: Column) -> list[tuple[str, str]]:
        """Name and type of each of the file's columns that hold ``column``."""
        names = [self._published_name(position) for position in self.columns.positions.get(column.name, ())]
        return [(name, self.types[name]) for name in names]

    def _published_name(self, position: int) -> str:
        return list(self.types)[position]

    def _judged(self) -> str:
        """The rows of the file with ``reason``."""
        pickup = self.dataset.column(self.dataset.pickup)
        name, kind = self._sources(pickup)[0]
        blank = f"{identifier(name)} IS NULL" + (f" OR {is_blank(identifier(name))}" if kind == "VARCHAR" else "")
        facts = (
            "1 AS fields, 1 AS expected, false AS surplus_has_text, "
            f"({blank}) AS pickup_is_blank, ({self.value(pickup)}) IS NOT NULL AS pickup_is_readable"
        )
        rows = parquet_scan(self.raw.path, file_row_number=True)
        return f"SELECT *, {rejection_reason()} AS reason FROM (SELECT *, {facts} FROM {rows})"

    def _is_lost(self, column: Column) -> str:
        """Whether a row says something in that column that its value does not."""
        lost: list[str] = []
        for name, kind in self._sources(column):
            told = f"{identifier(name)} IS NOT NULL"
            if kind == "VARCHAR":
                told += f" AND NOT ({is_blank(identifier(name))})"
            lost.append(f"({told} AND ({from_type(column, identifier(name), kind)}) IS NULL)")
        (first, _), *others = self._sources(column)
        lost += [f"({identifier(first)} <> CAST({identifier(other)} AS VARCHAR))" for other, _ in others]
        return f"({' OR '.join(lost)})"
