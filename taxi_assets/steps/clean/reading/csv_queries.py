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
from taxi_assets.steps.clean.reading.csv_layout import CsvLayout
from taxi_assets.steps.clean.reading.dates import DateOrder, evidence_query, has_ordered_dates
from taxi_assets.steps.clean.reading.values import (
    Notation,
    Reading,
    from_text,
    is_blank,
    is_in_words,
    quick_reading,
    rejection_reason,
    table_row,
)
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets.steps.files.sql import escape_glob, identifier, literal

# No line has a line break in it, so neither occurs in any. As NULL marker it keeps an empty field ('') apart from a
# missing one (NULL); as delimiter it leaves lines whole.
_NO_NULL = "x\nx"
_NO_DELIMITER = "\n\x01"
# A field is quoted as a whole, or is everything up to the next comma: a stray quote harms its own field only.
_QUOTED_FIELDS = literal(r'((?:"(?:[^"]|"")*")|[^,]*),')

_MOST_PIECES = 20
"""Lines that a record with line breaks in it may have come apart into; more are not looked through."""

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
        dates: In which order its dates are, where it has any for which that matters.
    """

    raw: RawFile
    layout: CsvLayout
    dataset: Dataset
    line_end: Literal[r"\n", r"\r\n"] = r"\n"
    parallel: bool = True
    dates: DateOrder = DateOrder.UNKNOWN

    def date_evidence(self) -> str:
        """One row of ``DateEvidence`` about the whole file, which it reads once more."""
        columns = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(self._width + 1))
        lines = f"(SELECT {self._quick_texts()} FROM {self._read_csv(',', columns)})"
        return evidence_query([_text_name(column) for column in self._times()], lines, self.raw.month)

    def date_evidence_in(self, lines: str) -> str:
        """The same about some lines only, those of a table with the columns of :meth:`doubtful_lines`."""
        fields = f"(SELECT {_unquoted_fields()} AS f FROM (SELECT line, string_split(line, ',') AS f FROM {lines}))"
        return evidence_query([f"({self._text(column)})" for column in self._times()], fields, self.raw.month)

    @property
    def shows_ordered_dates(self) -> bool:
        """Whether the first lines have dates whose order has to be known."""
        return has_ordered_dates(frozenset[str]().union(*(self._sampled(column) for column in self._times())))

    def sound_trips(self) -> str:
        """First pass: the canonical rows of all lines that are beyond doubt, in the file's order."""
        columns = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(self._width + 1))
        read = self._read_quickly(f"SELECT * FROM {self._read_csv(',', columns)}")
        return f"SELECT {self._table_row()} FROM ({read}) WHERE {self._is_sound()}"

    def doubtful_lines(self, at_most: int | None = None) -> str:
        """Second pass: every other line as ``n`` (its number among data lines) and ``line``, or the first of them."""
        lines = self._read_csv(_NO_DELIMITER, "'line': 'VARCHAR'")
        numbered = f"SELECT row_number() OVER () AS n, line FROM {lines}"
        # A list gives NULL for an index beyond its end: the same fields as in the first pass.
        fields = ", ".join(f"f[{position + 1}] AS c{position}" for position in range(self._width + 1))
        split = f"SELECT n, line, {fields} FROM (SELECT n, line, string_split(line, ',') AS f FROM ({numbered}))"
        limit = "" if at_most is None else f" LIMIT {at_most}"
        return f"SELECT n, line FROM ({self._read_quickly(split)}) WHERE ({self._is_sound()}) IS NOT TRUE{limit}"

    def judged(self, lines: str) -> str:
        """What becomes of doubtful lines: ``n``, ``line``, ``reason`` and values.

        ``reason`` is the first rule that rejects the line, or NULL. Then the values count, and ``unreadable_<column>``
        tells which of them are NULL because they could not be read.
        """
        split = f"SELECT n, line, string_split(line, ',') AS f FROM {lines}"
        fields = f"SELECT n, line, {_unquoted_fields()} AS f FROM ({split})"
        facts = f"SELECT n, line, {self._facts()}, {self._values()}, {self._unreadable()} FROM ({fields})"
        return f"WITH pieces AS ({self._pieces(lines)}) SELECT *, {rejection_reason()} AS reason FROM ({facts})"

    def _pieces(self, lines: str) -> str:
        """The numbers of lines that are one record with line breaks inside quotes.

        Such a record begins and ends in lines with an odd number of quotes. A stray quote makes one too: only lines
        that together have the fields of one record are pieces of it.
        """
        odd = f"SELECT n FROM {lines} WHERE contains(line, '\"') AND len(string_split(line, '\"')) % 2 = 0"
        pairs = f"SELECT n AS opens, lead(n) OVER (ORDER BY n) AS closes FROM ({odd})"
        joined = (
            "SELECT list(n) AS numbers, string_agg(line, chr(10) ORDER BY n) || ',' AS record "
            f"FROM {lines} JOIN ({pairs}) ON n BETWEEN opens AND closes WHERE closes - opens < {_MOST_PIECES} "
            "GROUP BY opens, closes HAVING count(*) = closes - opens + 1"
        )
        header = len(self.layout.columns.header)
        fields = f"len(regexp_extract_all(record, {_QUOTED_FIELDS}, 1))"
        return f"SELECT unnest(numbers) AS n FROM ({joined}) WHERE {fields} BETWEEN {header} AND {self._width}"

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

    def _times(self) -> list[Column]:
        return [column for column in self._columns() if column.type is ColumnType.TIME]

    def _notation(self) -> Notation:
        in_words = {column.name for column in self._columns() if is_in_words(column, self._sampled(column))}
        return Notation(self.dates, in_words)

    def _sampled(self, column: Column) -> frozenset[str]:
        return frozenset[str]().union(*(self.layout.sampled[position] for position in self._positions(column)))

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
            f"columns = {{{columns}}})"
        )

    def _read_quickly(self, fields: str) -> str:
        """Adds to fields ``c0``, ``c1`` … each canonical column's text as ``t_<name>`` and value as ``v_<name>``.

        A field is '' where it is empty and NULL where the line ended before it.
        """
        values = ", ".join(f"{self._quick(column).value} AS {_value_name(column)}" for column in self._columns())
        return f"SELECT *, {values} FROM (SELECT *, {self._quick_texts()} FROM ({fields}))"

    def _quick_texts(self) -> str:
        return ", ".join(f"{self._quick_text(column)} AS {_text_name(column)}" for column in self._columns())

    def _quick_text(self, column: Column) -> str:
        """The text of a column, without the layout's quotes; of two fields that mean the same, the filled one."""
        fields = [f"c{position}" for position in self._positions(column)]
        texts = [f"trim({field}, '\"')" for field in fields] if self.layout.quoted else fields
        *others, last = texts
        filled = " ".join(f"WHEN {text} <> '' THEN {text}" for text in others)
        return f"CASE {filled} ELSE {last} END" if others else last

    def _quick(self, column: Column) -> Reading:
        sampled = self._sampled(column)
        return quick_reading(column, _text_name(column), _value_name(column), sampled, self._notation())

    def _is_sound(self) -> str:
        """Whether a line is beyond doubt: right number of fields, pickup readable, the rest readable or blank."""
        header = len(self.layout.columns.header)
        conditions = [f"c{header - 1} IS NOT NULL", f"c{self._width} IS NULL"]
        conditions += [
            f"(c{position} IS NULL OR trim(c{position}, ' \"') = '')" for position in range(header, self._width)
        ]
        conditions += self._sound_values()
        if self.line_end == r"\r\n":
            # Told CRLF, DuckDB takes the rest of a line's end, as in CR CR LF, for the begin of the next line's text.
            conditions.append("(c0 IS NULL OR c0 = '' OR ord(c0) NOT IN (10, 13))")
        for column in self._columns():
            if column.required:
                conditions.append(f"{_value_name(column)} IS NOT NULL")
            first, *others = (f"c{position}" for position in self._positions(column))
            # Two fields that mean the same: if both say something, it takes a second look whether they agree.
            conditions += [f"(trim({first}, '\"') = '' OR trim({other}, '\"') = '')" for other in others]
            begins_line = self._positions(column)[0] == 0
            if (column.type is ColumnType.TEXT or begins_line) and self.layout.quoted and not others:
                # Other lengths tell of quotes inside a text, or of one that began in the line before.
                conditions.append(f"strlen({first}) - strlen({_text_name(column)}) IN (0, 2)")
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
            f"n IN (FROM pieces) AS in_broken_record, len(f) AS fields, {header} AS expected, "
            f"trim(array_to_string(f[{header + 1}:], ''), ' \"') <> '' AS surplus_has_text, "
            f"coalesce({is_blank(text)}, true) AS pickup_is_blank, "
            f"coalesce({self._read(pickup, text)} IS NOT NULL, false) AS pickup_is_readable"
        )

    def _read(self, column: Column, text: str) -> str:
        return from_text(column, text, self._notation())

    def _text(self, column: Column) -> str:
        """The text of a column in the fields ``f`` of a line; of two that mean the same, the first that is filled."""
        *others, last = (f"f[{position + 1}]" for position in self._positions(column))
        filled = " ".join(f"WHEN NOT ({is_blank(text)}) THEN {text}" for text in others)
        return f"CASE {filled} ELSE {last} END" if others else last

    def _values(self) -> str:
        """Each canonical column that the file has, as ``v_<name>``, read in full from the fields of a line."""
        return ", ".join(
            f"{self._read(column, f'({self._text(column)})')} AS {_value_name(column)}" for column in self._columns()
        )

    def _unreadable(self) -> str:
        """Whether each optional column holds something that was lost, as ``unreadable_<name>``."""
        flags: list[str] = []
        for column in self.fallible():
            text = f"({self._text(column)})"
            lost = f"NOT ({is_blank(text)}) AND {self._read(column, text)} IS NULL"
            first, *others = (f"f[{position + 1}]" for position in self._positions(column))
            # Two fields that mean the same and differ: the first one's value is kept.
            value, *others_values = (
                f"upper({self._read(column, field)})" if column.type is ColumnType.TEXT else self._read(column, field)
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
    # A quote alone is no empty text: the rest of it is in another line, and must not be lost uncounted.
    unquoted = f"CASE WHEN {quoted} THEN {inside} WHEN x = '\"' THEN x ELSE trim(x, '\"') END"
    fields = f"regexp_extract_all(line || ',', {_QUOTED_FIELDS}, 1)"
    return f"CASE WHEN contains(line, '\"') THEN [{unquoted} FOR x IN {fields}] ELSE f END"
