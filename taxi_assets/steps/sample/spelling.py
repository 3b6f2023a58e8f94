"""How a synthetic trip is written in a month's layout: CSV lines as text, Parquet columns with their types.

Belongs here: spelling of numbers, words and flags in each era, field order, rejected lines. Not here: the trips
(``journeys.py`` and its neighbours) and the layouts themselves (``taxi_assets/steps/sample/layouts.py``).
"""

from __future__ import annotations

from taxi_assets.datasets.columns import Column, ColumnType
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.steps.files.sql import identifier
from taxi_assets.steps.sample.dirt import REJECTIONS
from taxi_assets.steps.sample.layouts import CsvEra, Era, ParquetEra, ParquetType

_DUCKDB_TYPES = {
    ParquetType.INT32: "INTEGER",
    ParquetType.INT64: "BIGINT",
    ParquetType.DOUBLE: "DOUBLE",
    ParquetType.STRING: "VARCHAR",
    ParquetType.LARGE_STRING: "VARCHAR",
    ParquetType.TIMESTAMP: "TIMESTAMP",
    ParquetType.NULL: "INTEGER",  # without a value in it; Arrow has a null type, DuckDB has none
}
_SCALES = {"USD": 100, "miles": 100, "degrees": 1_000_000}


def published_columns(layout: Era) -> list[Column | None]:
    """The registry's column for each name of a layout, in file order; None for a name that repeats a column.

    fhv 2018 has both ``Dispatching_base_number`` and ``Dispatching_base_num``; only the former is filled.

    Raises:
        LookupError: The registry does not know a name.
    """
    dataset = DATASETS[layout.dataset]
    found: list[Column | None] = []
    for name in layout.names:
        column = dataset.column_called(name)
        if column is None:
            raise LookupError(f"the registry of {layout.dataset} has no column for {name!r}")
        found.append(None if column in found else column)
    return found


def csv_lines(trips: str, layout: CsvEra, month: TripMonth, rows: int) -> str:
    """A SELECT of the data lines as text, line endings included, of the trips of a month of ``rows`` lines."""
    columns = published_columns(layout)
    values = ["''" if column is None else f"coalesce({_text(column, layout, month)}, '')" for column in columns]
    fields = [f"field_{i}" for i in range(len(columns))]
    listed = ",\n  ".join(f"{value} AS {field}" for value, field in zip(values, fields, strict=True))
    pickup = next(i for i, column in enumerate(columns) if column and column.name == DATASETS[layout.dataset].pickup)
    surplus = ["''"] * layout.surplus_fields
    rejected = {
        "too_many_fields": _joined([*fields, *surplus, "'surplus'"], layout),
        # Six characters, because "2019-0" is no time whatever the reader takes for one, and "2019-01-01" might be.
        "truncated": _joined([*fields[:pickup], f"left({fields[pickup]}, 6)"], layout),
        "no_pickup_time": _joined([*fields[:pickup], "''", *fields[pickup + 1 :], *surplus], layout),
        "garbage": "'#### record lost ####'",
    }
    cases = "\n  ".join(f"WHEN {i} THEN {rejected[rejection.name]}" for i, rejection in enumerate(REJECTIONS, 1))
    return (
        f"SELECT CASE rejection WHEN 0 THEN {_joined([*fields, *surplus], layout)}\n  {cases} END "
        f"|| {_ending(layout, rows)} AS text\nFROM (\nSELECT line, rejection,\n  {listed}\nFROM (\n{trips}\n))"
    )


def _ending(layout: CsvEra, rows: int) -> str:
    usual = _control(layout.line_ending)
    if layout.last_line_ending is None:
        return usual
    return f"CASE WHEN line = {rows - 1} THEN {_control(layout.last_line_ending)} ELSE {usual} END"


def _control(text: str) -> str:
    return " || ".join(f"chr({ord(character)})" for character in text)


def _joined(fields: list[str], layout: CsvEra) -> str:
    if layout.quoted:
        return f"concat('\"', concat_ws('\",\"', {', '.join(fields)}), '\"')"
    return f"concat_ws(',', {', '.join(fields)})"


def _text(column: Column, layout: CsvEra, month: TripMonth) -> str:
    """SQL of a value as the era writes it; NULL where nothing stands between the commas."""
    name = identifier(column.name)
    long_numbers = layout.dataset == "yellow" and month.month < "2015"
    if words := _words(column, layout, month):
        return words
    if column.unit == "degrees":
        # The vendors of those years sent single-precision numbers, written out as doubles; yellow until 2014 did not.
        number = f"{name} / 1e6" if long_numbers else f"({name} / 1e6)::FLOAT::DOUBLE"
        return f"format('{{:.17g}}', {number})"
    if column.unit in _SCALES:
        if long_numbers:
            return f"format('{{:.17g}}', {name} / 1e2)"
        return _miles(name) if column.unit == "miles" else _money(name)
    return f"{name}::VARCHAR"


def _miles(name: str) -> str:
    """``.88``, ``3.30``, ``12.00``: two decimals, no zero before the point."""
    whole = f"CASE WHEN {name} < 100 THEN '' ELSE ({name} // 100)::VARCHAR END"
    return f"{whole} || '.' || lpad(({name} % 100)::VARCHAR, 2, '0')"


def _money(name: str) -> str:
    """``7``, ``0.5``, ``9.95``: as short as it can be."""
    return f"CASE WHEN {name} % 100 = 0 THEN ({name} // 100)::VARCHAR ELSE ({name} / 1e2)::VARCHAR END"


def _words(column: Column, layout: Era, month: TripMonth) -> str | None:
    """SQL of a value that the era spells in a way of its own; None where it writes it like every other."""
    last = "2010-12" if isinstance(layout, ParquetEra) else "2014-12"
    if layout.dataset == "yellow" and month.month <= last:
        return _early_yellow_words(month.month[:4]).get(column.name)
    return None


def _early_yellow_words(year: str) -> dict[str, str]:
    """Yellow until 2014: vendors and payments in words, and fields that one vendor or a whole year leaves empty."""
    words = {"vendorid": "['CMT', 'VTS', 'DDS'][vendorid]"}
    if year == "2009":
        return words | {
            "payment_type": "(CASE vendorid WHEN 1 THEN ['Credit', 'Cash', 'No Charge', 'Dispute'] "
            "WHEN 2 THEN ['Credit', 'CASH', 'No Charge', 'Dispute'] "
            "ELSE ['CREDIT', 'CASH', 'No Charge', 'Dispute'] END)[payment_type]",
            "store_and_fwd_flag": "NULL",
            "ratecodeid": "NULL",
        }
    if year == "2010":
        return words | {
            "payment_type": "(CASE vendorid WHEN 1 THEN ['Cre', 'Cas', 'No ', 'Dis'] "
            "ELSE ['CRE', 'CAS', 'NO ', 'DIS'] END)[payment_type]",
            "store_and_fwd_flag": "CASE WHEN vendorid = 1 THEN if(store_and_fwd_flag = 'Y', '1', '0') END",
        }
    return words | {
        "payment_type": "['CRD', 'CSH', 'NOC', 'DIS'][payment_type]",
        "store_and_fwd_flag": "CASE WHEN vendorid = 1 THEN store_and_fwd_flag END",
    }


def parquet_columns(layout: ParquetEra, month: TripMonth) -> str:
    """The SELECT list of a month's Parquet file, over the relation of its trips."""
    listed: list[str] = []
    for (published, kind), column in zip(layout.columns, published_columns(layout), strict=True):
        value = "NULL" if column is None or kind is ParquetType.NULL else _value(column, layout, month)
        listed.append(f"CAST({value} AS {_DUCKDB_TYPES[kind]}) AS {identifier(published)}")
    return ",\n  ".join(listed)


def _value(column: Column, layout: ParquetEra, month: TripMonth) -> str:
    name = identifier(column.name)
    if words := _words(column, layout, month):
        return words
    if column.unit in _SCALES:
        return f"{name} / {_SCALES[column.unit]}"
    if column.type is ColumnType.TIME and column.name == DATASETS[layout.dataset].pickup:
        # The one rejection that Parquet can hold.
        return f"CASE WHEN rejection = 0 THEN {name} END"
    return name
