"""The queries over a Parquet file.

Belongs here: canonical values from whatever types the file's columns have, and which rows are rejected. Not here:
running the queries (``clean.py``).

TLC's Parquet files change types from month to month: codes arrive as doubles, columns without a value as "null",
text as large strings, and names change their case (``airport_fee``, ``Airport_fee``).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from taxi_assets.datasets.columns import Column, ColumnType, Dataset
from taxi_assets.errors import LayoutError
from taxi_assets.steps.clean.reading.dates import evidence_query
from taxi_assets.steps.clean.reading.values import (
    NULL_TYPE,
    PLAIN,
    Notation,
    as_text,
    cannot_fail,
    from_type,
    is_blank,
    rejection_reason,
    table_row,
    words_of,
)
from taxi_assets.steps.files.header import ColumnMap, map_columns
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets.steps.files.sql import literal, parquet_scan
from taxi_assets.text import shown

if TYPE_CHECKING:
    import duckdb


def describe(connection: duckdb.DuckDBPyConnection, path: Path) -> list[tuple[str, str]]:
    """Names and DuckDB types of a file's columns; :data:`NULL_TYPE` where the type says that there are no values.

    The names are the file's own: of two that differ in case only, DuckDB would call the second ``Airport_fee_1``.
    """
    from pyarrow import parquet

    described = connection.execute(f"DESCRIBE FROM {parquet_scan(path)}").fetchall()
    schema = cast("Any", parquet.read_schema(path))
    return [
        (str(field.name), NULL_TYPE if str(field.type) == "null" else str(kind))
        for field, (_, kind, *_) in zip(schema, described, strict=True)
    ]


@dataclass(frozen=True)
class ParquetQueries:
    """The queries for one file.

    Attributes:
        raw: The file.
        columns: Which of its columns is which. In SQL they are called ``c0``, ``c1`` … by their position.
        types: DuckDB type of each of its columns, in the file's order.
        dataset: What it is.
        notation: How its texts are written.
    """

    raw: RawFile
    columns: ColumnMap
    types: tuple[str, ...]
    dataset: Dataset
    notation: Notation = PLAIN

    @classmethod
    def of(
        cls, raw: RawFile, described: list[tuple[str, str]], dataset: Dataset, ignore: Set[str] = frozenset()
    ) -> ParquetQueries:
        """Builds the queries from what :func:`describe` returned; ``ignore`` as in :func:`map_columns`.

        Raises:
            LayoutError: The columns are not those of the dataset, or one has a type that cannot hold its values.
        """
        names = [name for name, _ in described]
        columns = map_columns(names, dataset, raw.path, source=raw.source, ignore=ignore)
        queries = cls(raw, columns, tuple(kind for _, kind in described), dataset)
        for column in queries.present():
            queries.value(column)
        return queries

    def present(self) -> list[Column]:
        """The canonical columns that the file has."""
        return [column for column in self.dataset.columns if column.name in self.columns.positions]

    def fallible(self) -> list[Column]:
        """Optional columns with values that may not fit: those become NULL and are counted."""
        return [column for column in self.present() if not column.required and not self._cannot_fail(column)]

    def _cannot_fail(self, column: Column) -> bool:
        """Of two columns that mean the same, one may contradict the other."""
        sources = self._sources(column)
        return len(sources) == 1 and all(
            cannot_fail(column, kind, in_calendar=place in self._within_calendar) for place, kind in sources
        )

    @cached_property
    def _within_calendar(self) -> frozenset[int]:
        """Positions of the columns whose times are all of the years 1 to 9999, by the file's statistics.

        To look at each time of four columns costs a sixth of the whole month. Nanoseconds are looked at: their
        statistics do not tell what DuckDB reads as infinity from a moment of the year 2262.
        """
        from pyarrow import parquet

        footer = cast("Any", parquet.read_metadata(self.raw.path))
        if footer.num_columns != len(self.types):
            # It counts the parts of a nested column, which only a column that is skipped can be: positions differ.
            return frozenset()
        groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
        return frozenset(
            place
            for place, kind in enumerate(self.types)
            if kind == "TIMESTAMP" and all(_in_calendar(group.column(place)) for group in groups)
        )

    def date_evidence(self) -> str | None:
        """One row of ``DateEvidence`` about the file, or None when all its times have a type of their own."""
        times = [column for column in self.present() if column.type is ColumnType.TIME]
        texts = [text for column in times for text in self._texts(column)]
        return evidence_query(texts, self._rows(), self.raw.month) if texts else None

    def written_in_words(self) -> dict[str, str]:
        """For each column that may hold words for codes, a query of one value: whether it does."""
        queries: dict[str, str] = {}
        for column in self.present():
            texts, words = self._texts(column), ", ".join(literal(word) for word in words_of(column))
            if texts and words and column.type is ColumnType.CODE:
                found = " OR ".join(f"upper(trim({text})) IN ({words})" for text in texts)
                queries[column.name] = f"SELECT coalesce(bool_or({found}), false) FROM {self._rows()}"
        return queries

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
        values = ", ".join(f"{literal(name)}, c{place}" for place, name in enumerate(self.columns.header))
        return (
            f"SELECT file_row_number + 1 AS line_number, reason, CAST(json_object({values}) AS VARCHAR) AS line "
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
        for place, kind in sources:
            reading = self._reading(column, place, kind)
            if reading is None:
                name = shown(self.columns.header[place])
                raise LayoutError(
                    f"{self.raw.path}: column '{name}' arrives as {shown(kind)}, which cannot be {column.name} "
                    f"({column.type.duckdb}). {_advice(column, name, kind)} Nothing was cleaned"
                )
            readings.append(reading)
        return readings[0] if len(readings) == 1 else f"coalesce({', '.join(readings)})"

    def _reading(self, column: Column, place: int, kind: str) -> str | None:
        """The value of ``column`` by the file's column at that position, which has that type."""
        return from_type(column, f"c{place}", kind, self.notation, in_calendar=place in self._within_calendar)

    def _sources(self, column: Column) -> list[tuple[int, str]]:
        """Position and type of each of the file's columns that hold ``column``."""
        return [(place, self.types[place]) for place in self.columns.positions.get(column.name, ())]

    def _texts(self, column: Column) -> list[str]:
        """Those of the file's columns for ``column`` that hold text."""
        texts = [as_text(f"c{place}", kind) for place, kind in self._sources(column)]
        return [text for text in texts if text is not None]

    def _rows(self) -> str:
        """The file's rows with columns ``c0``, ``c1`` …, to stand after FROM.

        Whatever they are called in the file: two may differ in case only, one may be called like a fact.
        """
        names = ", ".join(f"c{place}" for place in range(len(self.types)))
        return f"{parquet_scan(self.raw.path, file_row_number=True)} AS file({names})"

    def _judged(self) -> str:
        """The rows of the file with ``reason``."""
        pickup = self.dataset.column(self.dataset.pickup)
        blank = " AND ".join(_is_blank(f"c{place}", kind) for place, kind in self._sources(pickup))
        facts = (
            "false AS in_broken_record, 1 AS fields, 1 AS expected, false AS surplus_has_text, "
            f"({blank}) AS pickup_is_blank, ({self.value(pickup)}) IS NOT NULL AS pickup_is_readable"
        )
        return f"SELECT *, {rejection_reason()} AS reason FROM (SELECT *, {facts} FROM {self._rows()})"

    def _is_lost(self, column: Column) -> str:
        """Whether a row says something in that column that its value does not."""
        lost: list[str] = []
        readings: list[str] = []
        for place, kind in self._sources(column):
            reading = f"({self._reading(column, place, kind)})"
            # A CASE, because of an AND both sides would be worked out for every row.
            lost.append(f"CASE WHEN {reading} IS NULL THEN NOT {_is_blank(f'c{place}', kind)} ELSE false END")
            readings.append(f"upper({reading})" if column.type is ColumnType.TEXT else reading)
        first, *others = readings
        # Two columns that mean the same and differ: the first one's value is kept.
        lost += [f"coalesce({first} <> {other}, false)" for other in others]
        return f"({' OR '.join(lost)})"


def _in_calendar(chunk: Any) -> bool:
    """Whether a part of a column has statistics that Python's calendar holds, whose years are the same."""
    try:
        told = chunk.statistics
        return bool(told and told.has_min_max and told.min is not None and told.max is not None)
    except (OverflowError, ValueError, NotImplementedError):
        return False


def _is_blank(value: str, kind: str) -> str:
    """Whether a value of that type says nothing; bytes that are no text say something."""
    text = as_text(value, kind)
    return f"({value} IS NULL OR coalesce({is_blank(text)}, false))" if text else f"({value} IS NULL)"


def _advice(column: Column, name: str, kind: str) -> str:
    """What a person can do about a column whose type does not fit."""
    if column.type is ColumnType.TIME and kind == "TIMESTAMP WITH TIME ZONE":
        series = f"trips['{name}']"
        return (
            "TLC's times are New York's wall clock without a zone, and whether these were converted to UTC or only "
            "marked so, the file does not say. Write it without a zone: with pandas "
            f"{series}.dt.tz_localize(None) when the clock is right as it stands, and "
            f"{series}.dt.tz_convert('America/New_York').dt.tz_localize(None) when it was converted."
        )
    wanted = {
        ColumnType.TIME: "times without a zone, dates, or text",
        ColumnType.TEXT: "text or numbers",
    }.get(column.type, "numbers or text")
    return f"Write the file with {wanted} in that column."
