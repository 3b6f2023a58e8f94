"""SQL expressions that turn what a file says into a canonical value.

Belongs here: one expression for each type a column can have and each type it can arrive in. Every expression gives
NULL for what is blank and for what cannot be read; :func:`is_blank` tells the two apart. For the fast pass there are
quick readings, which read the usual forms only and know when they do not apply. Not here: the queries around them
(``csv_queries.py``, ``parquet_queries.py``).

Nothing is guessed: DuckDB alone would round ``1.5`` to a code of 2, read ``epoch`` as a time and keep ``inf`` as a
fare.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from dataclasses import dataclass

from taxi_assets.datasets.codes import NOTHING
from taxi_assets.datasets.columns import Column, ColumnType, Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.clean.reading.dates import DateOrder, time_from_text, usual_time
from taxi_assets.steps.clean.rules.rules import REJECT_RULES
from taxi_assets.steps.files.sql import identifier, literal

_BLANKS = "' \t\u00a0'"
# Money as spreadsheets and people write it: $6.50, -$4.00, ($4.00), 1,009.75.
_GROUPED = r"(\d{1,3}(,\d{3})+|\d*)(\.\d*)?"
_MONEY = rf"-?\$?-?{_GROUPED}|\(\$?{_GROUPED}\)"
_NOTHING = ", ".join(literal(word) for word in sorted(NOTHING))
_LONGEST_NOTHING = max(map(len, NOTHING))
_FIRST_TIME, _LAST_TIME = "TIMESTAMP '0001-01-01 00:00:00'", "TIMESTAMP '9999-12-31 23:59:59.999999'"
"""What text can say in four digits, BigQuery's DATETIME holds, and Python too. Postgres' calendar begins in 4713 BC."""
_WHOLE_TYPES = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
_TIME_TYPES = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE"})

NULL_TYPE = "NULL"
"""Type of a Parquet column that has no values at all (``ehail_fee``, ``airport_fee`` in many months)."""


@dataclass(frozen=True)
class Notation:
    """How a file writes what can be read in more than one way; one answer for the whole file.

    Attributes:
        dates: In which order the numbers of a date stand.
        in_words: Names of columns whose codes it writes as words (``CASH``): there alone is a word for nothing that
            stands in the code table (``NA`` among the payments of 2010) a code.
    """

    dates: DateOrder = DateOrder.UNKNOWN
    in_words: Set[str] = frozenset()


PLAIN = Notation()
"""Codes as numbers, and no dates whose order would have to be known."""


def is_blank(text: str) -> str:
    """Whether a text says nothing: empty, blanks only, or a word for nothing."""
    trimmed = f"trim({text}, {_BLANKS})"
    # To look a text up among ten costs as much as all the rest: only those that are short enough.
    return f"CASE WHEN strlen({trimmed}) > {_LONGEST_NOTHING} THEN false ELSE upper({trimmed}) IN ('', {_NOTHING}) END"


def words_of(column: Column) -> list[str]:
    """The words of a column's code table that can mean nothing else, upper case."""
    return [word for word in column.codes if word not in NOTHING]


def is_in_words(column: Column, texts: Set[str]) -> bool:
    """Whether any of these texts is such a word."""
    return not {text.strip(" \t\u00a0").upper() for text in texts}.isdisjoint(words_of(column))


def from_text(column: Column, text: str, notation: Notation = PLAIN) -> str:
    """The value of ``column`` that ``text`` stands for.

    Args:
        column: What is read.
        text: SQL expression of type VARCHAR.
        notation: How the file writes.
    """
    match column.type:
        case ColumnType.TIME | ColumnType.DATE:
            return time_from_text(text, notation.dates)
        case ColumnType.CODE | ColumnType.INTEGER:
            return _whole(column, text, in_words=column.name in notation.in_words)
        case ColumnType.NUMBER:
            return f"CASE WHEN {text} <> '' THEN {_number(text)} END"
        case ColumnType.TEXT:
            return _text(column, text)
        case ColumnType.COUNT | ColumnType.YES_NO:
            raise ValueError(f"{column.name}: no published file has a {column.type.duckdb}")


@dataclass(frozen=True)
class Reading:
    """How one column is read in the fast pass.

    Attributes:
        value: SQL expression of the canonical value.
        sound: SQL predicate: the value is what the full reading gives. Where it does not hold, the second pass decides.
    """

    value: str
    sound: str


def quick_reading(column: Column, text: str, name: str, sampled: Set[str], notation: Notation) -> Reading:
    """The cheapest reading that fits what a column's first lines look like.

    Args:
        column: What is read; optional or not.
        text: SQL expression of type VARCHAR.
        name: What the value is called where ``sound`` is evaluated.
        sampled: Texts seen in the column. They decide about speed only.
        notation: How the file writes.
    """
    blank = f"{text} = ''"
    # A cast that fails costs three times one that succeeds.
    filled = f"CASE WHEN {text} <> '' THEN TRY_CAST({text} AS {column.type.duckdb}) END"
    cast = filled if "" in sampled else f"TRY_CAST({text} AS {column.type.duckdb})"
    usual = all(_is_usual(column, value) for value in sampled)
    if usual and column.type is ColumnType.NUMBER:
        return Reading(cast, f"(isfinite({name}) OR {blank})")
    if usual and column.type is ColumnType.CODE:
        # The cast would round 1.5. What has as many characters as its value has digits was not rounded; to look for
        # points and minus signs instead takes five times as long. Codes of four digits are left to the second pass.
        digits = f"1 + CAST({name} >= 10 AS INTEGER) + CAST({name} >= 100 AS INTEGER)"
        return Reading(cast, f"(strlen({text}) = {digits} OR {blank})")
    if usual and column.type is ColumnType.TIME:
        return Reading(usual_time(text), f"({name} IS NOT NULL OR {blank})")
    if usual and column.type is ColumnType.TEXT:
        return _quick_text(column, text, name, blank)
    full = from_text(column, text, notation)
    # Quotes belong to the layout, never to a text: the second pass takes them off.
    unquoted = f" AND NOT contains({text}, '\"')" if column.type is ColumnType.TEXT else ""
    # To ask every text for words for nothing costs a tenth of the whole pass: only where the first lines have some.
    has_words = any(value.strip().upper() in NOTHING for value in sampled)
    says_nothing = is_blank(text) if has_words else f"trim({text}, {_BLANKS}) = ''"
    return Reading(full, f"(({name} IS NOT NULL OR {says_nothing}){unquoted})")


_USUAL = {
    ColumnType.CODE: re.compile(r"(0|[1-9]\d{0,2})?"),
    ColumnType.NUMBER: re.compile(r"[-\d.]*"),
    ColumnType.TIME: re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)?"),
    ColumnType.TEXT: re.compile(r"[!-~]*"),
}


def _is_usual(column: Column, value: str) -> bool:
    """Whether a quick reading is enough for a sampled text."""
    if value.strip().upper() in NOTHING:
        return False
    if column.type is ColumnType.TEXT and column.meanings:
        return value in column.meanings or not value
    pattern = _USUAL.get(column.type)
    return pattern is not None and pattern.fullmatch(value) is not None


def _quick_text(column: Column, text: str, name: str, blank: str) -> Reading:
    if column.meanings:
        return Reading(f"CASE WHEN {text} IN ({_meanings(column)}) THEN {text} END", f"({name} IS NOT NULL OR {blank})")
    unusual = (" ", "\t", "\u00a0", '"')
    plain = " AND ".join(f"NOT contains({text}, {literal(character)})" for character in unusual)
    # Without blanks around it, a word for nothing needs no trimming.
    plain += f" AND (strlen({text}) > {_LONGEST_NOTHING} OR upper({text}) NOT IN ({_NOTHING}))"
    return Reading(f"nullif({text}, '')", f"({plain} AND NOT contains({text}, chr(0)))")


def as_text(value: str, arrives_as: str) -> str | None:
    """A Parquet column of the DuckDB type ``arrives_as`` as text, NULL where its bytes are none; None if it has none.

    Text in columns that do not say so comes from writers of old (``binary`` without a logical type).
    """
    return {"VARCHAR": value, "BLOB": f"TRY(decode({value}))"}.get(arrives_as)


def from_type(
    column: Column, value: str, arrives_as: str, notation: Notation = PLAIN, *, in_calendar: bool = False
) -> str | None:
    """The value of ``column`` for a Parquet column of the DuckDB type ``arrives_as``.

    Args:
        column: What is read.
        value: SQL expression of that type.
        arrives_as: The type.
        notation: How the file writes, where it writes text.
        in_calendar: Whether its times are known to be of the years 1 to 9999.

    Returns:
        The expression, or None when no value of that type can be one of the column.
    """
    if arrives_as == NULL_TYPE:
        return f"CAST(NULL AS {column.type.duckdb})"
    if (text := as_text(value, arrives_as)) is not None:
        return from_text(column, text, notation)
    match column.type:
        case ColumnType.TIME | ColumnType.DATE:
            # A time with a zone is not one of these: TLC's wall clock has none, and to convert it would be a guess.
            time = f"TRY_CAST({value} AS TIMESTAMP)"
            in_range = f"CASE WHEN {time} BETWEEN {_FIRST_TIME} AND {_LAST_TIME} THEN {time} END"
            return (time if in_calendar else in_range) if arrives_as in _TIME_TYPES else None
        case ColumnType.CODE | ColumnType.INTEGER:
            return _whole_from_number(column, value, arrives_as)
        case ColumnType.NUMBER:
            number = f"CAST({value} AS DOUBLE)"
            return f"CASE WHEN isfinite({number}) THEN {number} END" if _is_number(arrives_as) else None
        case ColumnType.TEXT:
            # Flags of yellow 2009 and 2010 arrive as numbers: 0.0 is a word of their code table.
            return from_text(column, f"CAST({value} AS VARCHAR)") if _is_number(arrives_as) else None
        case ColumnType.COUNT | ColumnType.YES_NO:
            raise ValueError(f"{column.name}: no published file has a {column.type.duckdb}")


def table_row(dataset: Dataset, month: TripMonth, value: Callable[[Column], str | None]) -> str:
    """The select list of a clean row: all columns of the table in its order, then ``file_month``.

    Args:
        dataset: Whose row.
        month: Which month's file it comes from.
        value: Gives a column's expression, or None for a column that the file lacks, which becomes NULL.
    """
    row = [
        f"{value(column) or f'CAST(NULL AS {column.type.duckdb})'} AS {identifier(column.name)}"
        for column in dataset.columns
    ]
    return ", ".join([*row, f"DATE '{month.first_day}' AS file_month"])


def rejection_reason() -> str:
    """The name of the first rule that rejects a line, else NULL, given the facts that the rules speak of."""
    cases = " ".join(f"WHEN {rule.predicate} THEN {literal(rule.name)}" for rule in REJECT_RULES)
    return f"CASE {cases} END"


def cannot_fail(column: Column, arrives_as: str, *, in_calendar: bool = False) -> bool:
    """Whether every value of that type is one of the column, so that nothing needs counting."""
    return (
        arrives_as == NULL_TYPE
        or (column.type is ColumnType.NUMBER and arrives_as in _WHOLE_TYPES)
        or (column.type is ColumnType.TIME and in_calendar)
        or arrives_as == column.type.duckdb == "SMALLINT"
    )


def _number(text: str) -> str:
    """A finite number, or money in any of the forms of ``_MONEY``."""
    double = f"TRY_CAST({text} AS DOUBLE)"
    trimmed = f"trim({text}, {_BLANKS})"
    # Accountants write what is negative in parentheses.
    bare = f"TRY_CAST(translate({trimmed}, '($,)', '-') AS DOUBLE)"
    is_money = f"regexp_full_match({trimmed}, {literal(_MONEY)})"
    return f"CASE WHEN isfinite({double}) THEN {double} WHEN {is_money} THEN {bare} END"


def _whole(column: Column, text: str, *, in_words: bool) -> str:
    """A whole number in digits (``2``), as a decimal (``2.0``), or as a word of the column's code table."""
    kind = column.type.duckdb
    # A point or a minus sign (15e-1) may hide a fraction, which the cast would round away.
    digits = (
        f"CASE WHEN {text} <> '' AND NOT contains({text}, '.') AND NOT contains({text}, '-') "
        f"THEN TRY_CAST({text} AS {kind}) END"
    )
    decimal = f"CASE WHEN {text} <> '' THEN {_whole_from_double(f'TRY_CAST({text} AS DOUBLE)', kind)} END"
    if not column.codes:
        return f"coalesce({digits}, {decimal})"
    words = _word(column, text, in_words=in_words)
    return f"coalesce({words}, {digits}, {decimal})" if in_words else f"coalesce({digits}, {decimal}, {words})"


def _whole_from_number(column: Column, value: str, arrives_as: str) -> str | None:
    kind = column.type.duckdb
    if arrives_as in _WHOLE_TYPES or arrives_as == "BOOLEAN":
        return f"TRY_CAST({value} AS {kind})"
    return _whole_from_double(f"CAST({value} AS DOUBLE)", kind) if _is_number(arrives_as) else None


def _whole_from_double(double: str, kind: str) -> str:
    return f"CASE WHEN {double} = trunc({double}) THEN TRY_CAST({double} AS {kind}) END"


def _text(column: Column, text: str) -> str:
    """Text without surrounding blanks; words of the code table become their values.

    A NUL byte makes it unreadable: Postgres cannot store one.
    """
    stripped = f"CASE WHEN NOT contains({text}, chr(0)) AND NOT {is_blank(text)} THEN trim({text}, {_BLANKS}) END"
    if not column.meanings:
        return stripped
    return f"CASE WHEN {text} IN ({_meanings(column)}) THEN {text} ELSE coalesce({_word(column, text)}, {stripped}) END"


def _meanings(column: Column) -> str:
    """The values of a text column's code table, as SQL literals."""
    return ", ".join(literal(str(value)) for value in column.meanings)


def _word(column: Column, text: str, *, in_words: bool = False) -> str:
    """The code that a word stands for, whatever its case; values of text columns stand for themselves."""
    words = {word: value for word, value in column.codes.items() if in_words or word not in NOTHING}
    if column.type is ColumnType.TEXT:
        words.update({str(value).upper(): value for value in column.meanings})
    cases = " ".join(
        f"WHEN {literal(word)} THEN {literal(value) if isinstance(value, str) else value}"
        for word, value in words.items()
    )
    # A bare 4 is an INTEGER, and would widen the whole column.
    return f"CAST(CASE upper(trim({text}, {_BLANKS})) {cases} END AS {column.type.duckdb})"


def _is_number(arrives_as: str) -> bool:
    return arrives_as in _WHOLE_TYPES | {"FLOAT", "DOUBLE", "BOOLEAN"} or arrives_as.startswith("DECIMAL")
