"""The two passes over a CSV file, as SQL.

Belongs here: the queries, built from a layout. Not here: running them (``clean.py``).

The first pass reads every field as text, keeps the lines that are beyond doubt and costs little more than typed
reading. Only when it kept fewer lines than the file has does the second pass read the file line by line, to
say of each other line whether it is rejected, or which of its values could not be read.

CSV quoting, typed columns and DuckDB's own reject tables are not used: typed reading rounds 1.5 to 2, one stray quote
swallows the lines up to the next, lenient modes drop surplus fields in silence, and reject tables number lines wrongly
when short lines are padded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from taxi_assets.datasets.columns import Column, ColumnType, Dataset
from taxi_assets.steps.clean.csv_layout import CsvLayout
from taxi_assets.steps.clean.values import Reading, from_text, is_blank, quick_reading, rejection_reason, table_row
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets.steps.files.sql import escape_glob, identifier, literal

# Neither occurs in any file, and neither in the other. As NULL marker it keeps an empty field ('') apart from a missing
# one (NULL); as delimiter it leaves lines whole.
_NO_NULL = "\x01\x02\x01"
_NO_DELIMITER = "\x03\x04\x03"
# A field is quoted as a whole, or is everything up to the next comma: a stray quote harms its own field only.
_QUOTED_FIELDS = literal(r'((?:"(?:[^"]|"")*")|[^,]*),')


BUFFER_BYTES: dict[str, int | None] = {r"\r\n": 2 << 20, r"\n": None}
"""What threads take of the file at a time, by what ends its lines. Small pieces need half the memory and are a little
faster (docs/decisions/settings-by-measurement.md). Told LF, DuckDB may lose its place at a border (see below), so there
are to be few of them: DuckDB's own 32 MB."""

LOST_ITS_PLACE = "Parallel CSV Reader currently does not support a full read"
"""In DuckDB's error when threads did not take over from each other where they should have (1.5 and 2.0)."""


@dataclass(frozen=True)
class CsvQueries:
    """The queries for one file.

    Attributes:
        raw: The file.
        layout: How it is laid out.
        dataset: What it is.
        line_end: How lines end: CRLF, for a file in which every line does, or LF, which reads LF and CRLF mixed.
        parallel: Let several threads read the file, each from somewhere in the middle. Told LF, DuckDB loses its place
            where the border between two threads falls between the CR and the LF of a line: it notices, and gives up
            at the end with :data:`LOST_ITS_PLACE`. Alone, one thread reads everything.
    """

    raw: RawFile
    layout: CsvLayout
    dataset: Dataset
    line_end: Literal[r"\n", r"\r\n"] = r"\n"
    parallel: bool = True

    def sound_trips(self) -> str:
        """First pass: the canonical rows of all lines that are beyond doubt, in the file's order."""
        columns = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(self._width + 1))
        read = self._read_quickly(f"SELECT * FROM {self._read_csv(',', columns)}")
        return f"SELECT {self._table_row()} FROM ({read}) WHERE {self._is_sound()}"

    def doubtful_lines(self) -> str:
        """Second pass: every other line as ``n`` (its number among data lines), ``line``, ``reason`` and values.

        ``reason`` is the first rule that rejects the line, or NULL. Then the values count, and ``unreadable_<column>``
        tells which of them are NULL because they could not be read.
        """
        lines = self._read_csv(_NO_DELIMITER, "'line': 'VARCHAR'")
        numbered = f"SELECT row_number() OVER () AS n, line FROM {lines}"
        split = f"SELECT n, line, string_split(line, ',') AS f FROM ({numbered})"
        # A list gives NULL for an index beyond its end: the same fields as in the first pass.
        fields = ", ".join(f"f[{position + 1}] AS c{position}" for position in range(self._width + 1))
        read = self._read_quickly(f"SELECT n, line, f, {fields} FROM ({split})")
        doubtful = f"SELECT n, line, {_unquoted_fields()} AS f FROM ({read}) WHERE ({self._is_sound()}) IS NOT TRUE"
        facts = f"SELECT n, line, {self._facts()}, {self._values()}, {self._unreadable()} FROM ({doubtful})"
        return f"SELECT *, {rejection_reason()} AS reason FROM ({facts})"

    def salvaged_trips(self, doubtful: str) -> str:
        """The canonical rows of those doubtful lines that are not rejected, in the file's order."""
        return f"SELECT {self._table_row()} FROM {doubtful} WHERE reason IS NULL ORDER BY n"

    def counts(self, doubtful: str) -> str:
        """One row: lines rejected, lines salvaged, then unreadable values per column of :meth:`fallible`."""
        unreadable = "".join(
            f", count(*) FILTER (reason IS NULL AND {_unreadable_name(column)})" for column in self.fallible()
        )
        rejected, salvaged = "count(*) FILTER (reason IS NOT NULL)", "count(*) FILTER (reason IS NULL)"
        return f"SELECT {rejected}, {salvaged}{unreadable} FROM {doubtful}"

    def fallible(self) -> list[Column]:
        """The optional columns that the file has: what cannot be read there becomes NULL and is counted."""
        return [column for column in self._columns() if not column.required]

    @property
    def _width(self) -> int:
        """Fields that a sound line may have; one more is the sentinel that tells of longer lines."""
        return len(self.layout.columns.header) + self.layout.surplus

    def _columns(self) -> list[Column]:
        return [column for column in self.dataset.columns if column.name in self.layout.columns.positions]

    def _positions(self, column: Column) -> tuple[int, ...]:
        return self.layout.columns.positions[column.name]

    def _read_csv(self, delimiter: str, columns: str) -> str:
        return (
            f"read_csv({literal(escape_glob(str(self.raw.path)))}, hive_partitioning = false, "
            "auto_detect = false, header = false, "
            f"skip = {self.layout.skip}, delim = {literal(delimiter)}, quote = '', escape = '', "
            f"nullstr = {literal(_NO_NULL)}, strict_mode = false, null_padding = true, "
            f"new_line = '{self.line_end}', parallel = {str(self.parallel).lower()}, "
            f"{f'buffer_size = {size}, ' if (size := BUFFER_BYTES[self.line_end]) else ''}"
            f"compression = '{'gzip' if self.raw.format == 'csv.gz' else 'none'}', "
            f"encoding = '{'utf-8' if self.raw.utf8 else 'latin-1'}', columns = {{{columns}}})"
        )

    def _read_quickly(self, fields: str) -> str:
        """Adds to fields ``c0``, ``c1`` … each canonical column's text as ``t_<name>`` and value as ``v_<name>``.

        A field is '' where it is empty and NULL where the line ended before it.
        """
        texts = ", ".join(f"{self._quick_text(column)} AS {_text_name(column)}" for column in self._columns())
        values = ", ".join(f"{self._quick(column).value} AS {_value_name(column)}" for column in self._columns())
        return f"SELECT *, {values} FROM (SELECT *, {texts} FROM ({fields}))"

    def _quick_text(self, column: Column) -> str:
        """The text of a column, without the layout's quotes; of two fields that mean the same, the filled one."""
        fields = [f"c{position}" for position in self._positions(column)]
        texts = [f"trim({field}, '\"')" for field in fields] if self.layout.quoted else fields
        *others, last = texts
        filled = " ".join(f"WHEN {text} <> '' THEN {text}" for text in others)
        return f"CASE {filled} ELSE {last} END" if others else last

    def _quick(self, column: Column) -> Reading:
        sampled = frozenset[str]().union(*(self.layout.sampled[position] for position in self._positions(column)))
        return quick_reading(column, _text_name(column), _value_name(column), sampled)

    def _is_sound(self) -> str:
        """Whether a line is beyond doubt: right number of fields, pickup readable, the rest readable or blank."""
        header = len(self.layout.columns.header)
        conditions = [f"c{header - 1} IS NOT NULL", f"c{self._width} IS NULL"]
        conditions += [
            f"(c{position} IS NULL OR trim(c{position}, ' \"') = '')" for position in range(header, self._width)
        ]
        conditions += self._sound_values()
        for column in self._columns():
            if column.required:
                conditions.append(f"{_value_name(column)} IS NOT NULL")
            first, *others = (f"c{position}" for position in self._positions(column))
            # Two fields that mean the same: if both say something, it takes a second look whether they agree.
            conditions += [f"(trim({first}, '\"') = '' OR trim({other}, '\"') = '')" for other in others]
            if column.type is ColumnType.TEXT and self.layout.quoted and not others:
                # Other lengths tell of quotes inside a text.
                conditions.append(f"length({first}) - length({_text_name(column)}) IN (0, 2)")
        return " AND ".join(conditions)

    def _sound_values(self) -> list[str]:
        """For each column whether its quick reading may be believed; for numbers that are hardly ever blank together.

        A sum is finite when all numbers are there and finite, and one such question costs less than one for each.
        """
        numbers = [column for column in self._columns() if column.type is ColumnType.NUMBER and self._is_filled(column)]
        conditions = [self._quick(column).sound for column in self._columns() if column not in numbers]
        if numbers:
            each = " AND ".join(self._quick(column).sound for column in numbers)
            conditions.append(f"(isfinite({' + '.join(map(_value_name, numbers))}) OR ({each}))")
        return conditions

    def _is_filled(self, column: Column) -> bool:
        return all("" not in self.layout.sampled[position] for position in self._positions(column))

    def _facts(self) -> str:
        """What the rules speak of (see ``RejectRule.predicate``)."""
        header = len(self.layout.columns.header)
        pickup = self.dataset.column(self.dataset.pickup)
        text = self._text(pickup)
        return (
            f"len(f) AS fields, {header} AS expected, "
            f"trim(array_to_string(f[{header + 1}:], ''), ' \"') <> '' AS surplus_has_text, "
            f"coalesce({is_blank(text)}, true) AS pickup_is_blank, "
            f"coalesce({from_text(pickup, text)} IS NOT NULL, false) AS pickup_is_readable"
        )

    def _text(self, column: Column) -> str:
        """The text of a column in the fields ``f`` of a line; of two that mean the same, the first that is filled."""
        *others, last = (f"f[{position + 1}]" for position in self._positions(column))
        filled = " ".join(f"WHEN NOT ({is_blank(text)}) THEN {text}" for text in others)
        return f"CASE {filled} ELSE {last} END" if others else last

    def _values(self) -> str:
        """Each canonical column that the file has, as ``v_<name>``, read in full from the fields of a line."""
        return ", ".join(
            f"{from_text(column, f'({self._text(column)})')} AS {_value_name(column)}" for column in self._columns()
        )

    def _unreadable(self) -> str:
        """Whether each optional column holds something that was lost, as ``unreadable_<name>``."""
        flags: list[str] = []
        for column in self.fallible():
            text = f"({self._text(column)})"
            lost = f"NOT ({is_blank(text)}) AND {from_text(column, text)} IS NULL"
            first, *others = (f"f[{position + 1}]" for position in self._positions(column))
            # Two fields that mean the same and differ: the first one's value is kept.
            value, *others_values = (
                f"upper({from_text(column, field)})" if column.type is ColumnType.TEXT else from_text(column, field)
                for field in (first, *others)
            )
            conflicts = "".join(
                f" OR (NOT ({is_blank(first)}) AND NOT ({is_blank(other)}) AND ({value} <> {other_value}) IS NOT FALSE)"
                for other, other_value in zip(others, others_values, strict=True)
            )
            flags.append(f"coalesce(({lost}){conflicts}, false) AS {_unreadable_name(column)}")
        return ", ".join(flags)

    def _table_row(self) -> str:
        """All columns of the table in its order; NULL for those that this file lacks."""
        present = self.layout.columns.positions
        return table_row(self.dataset, self.raw.month, lambda c: _value_name(c) if c.name in present else None)


def _text_name(column: Column) -> str:
    return identifier(f"t_{column.name}")


def _value_name(column: Column) -> str:
    return identifier(f"v_{column.name}")


def _unreadable_name(column: Column) -> str:
    return identifier(f"unreadable_{column.name}")


def _unquoted_fields() -> str:
    """The fields of a line that may have quotes, without them."""
    inside = "replace(x[2:-2], '\"\"', '\"')"
    quoted = "length(x) >= 2 AND starts_with(x, '\"') AND ends_with(x, '\"')"
    unquoted = f"CASE WHEN {quoted} THEN {inside} ELSE trim(x, '\"') END"
    fields = f"regexp_extract_all(line || ',', {_QUOTED_FIELDS}, 1)"
    return f"CASE WHEN contains(line, '\"') THEN [{unquoted} FOR x IN {fields}] ELSE f END"
