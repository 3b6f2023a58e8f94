"""What a column and a dataset are: the shapes that the registry is made of.

Belongs here: types and the names they have in each engine. Not here: the columns themselves (one module a
dataset, shared ones in ``vocabulary.py``) and SQL that reads files (``taxi_assets/steps``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast


def plain_name(name: str) -> str:
    """A column's name without what people's tools change in it: case, underscores, hyphens, blanks.

    Azure's copies say ``puLocationId``, dlt and Mage ``pu_location_id``, spreadsheets ``PU Location ID``.

    >>> plain_name("tpepPickupDateTime") == plain_name(" tpep_pickup_datetime ")
    True
    """
    return re.sub(r"[\s_-]", "", name.lower())


class ColumnType(Enum):
    """The types that trips and what is made of them consist of, with their names in every engine.

    Attributes:
        duckdb: Type in DuckDB, and by it in the clean Parquet.
        postgres: Type in Postgres; the binary encoder maps Arrow types strictly, so it must be this one.
        bigquery: Type in BigQuery's standard SQL.
        to_query: Type in DuckDB where people calculate: INTEGER for codes, whose products overflow a SMALLINT. Storage
            stays small.
    """

    CODE = ("SMALLINT", "smallint", "INT64")
    INTEGER = ("INTEGER", "integer", "INT64")
    NUMBER = ("DOUBLE", "double precision", "FLOAT64")
    TEXT = ("VARCHAR", "text", "STRING")
    TIME = ("TIMESTAMP", "timestamp", "DATETIME")
    DATE = ("DATE", "date", "DATE")
    # These two are in no published file: marts count and tell apart.
    COUNT = ("BIGINT", "bigint", "INT64")
    YES_NO = ("BOOLEAN", "boolean", "BOOL")

    def __init__(self, duckdb: str, postgres: str, bigquery: str) -> None:
        self.duckdb = duckdb
        self.postgres = postgres
        self.bigquery = bigquery
        self.to_query = "INTEGER" if duckdb == "SMALLINT" else duckdb


@dataclass(frozen=True)
class Column:
    """One canonical column.

    Attributes:
        name: TLC's 2019 name in lower case; the name in Parquet, Postgres, DuckDB and BigQuery.
        type: How it is stored.
        description: What it means, in our words, from TLC's data dictionaries. Shown in every store and the UI.
        unit: ``USD``, ``miles``, ``degrees``, ``seconds`` or empty.
        aliases: Other names that files have used for it; case, underscores and blanks do not matter.
        codes: Words that files have used, upper case, and the value each stands for. Empty: no words are known.
        meanings: Values as stored and what each means, where TLC lists them. Other values are kept and counted.
        required: A line without a readable value here cannot be a trip record and is rejected.
        first_month: First month whose files have it, ``YYYY-MM``, where it is known.
        last_month: Last month whose files have it, where it is known.
    """

    name: str
    type: ColumnType
    description: str
    unit: str = ""
    aliases: tuple[str, ...] = ()
    codes: Mapping[str, int | str] = field(default_factory=dict[str, "int | str"])
    meanings: Mapping[int | str, str] = field(default_factory=dict[int | str, str])
    required: bool = False
    first_month: str | None = None
    last_month: str | None = None

    @property
    def full_description(self) -> str:
        """The description with its unit, for the comment fields of stores and the UI: ``Meter fare. [USD]``."""
        return f"{self.description} [{self.unit}]" if self.unit else self.description


TLC_LAG_DAYS = 47
"""From the last day of a month to the date of its file: 47 to 62 days for the files of 2023-01 to 2024-05, 93 for one
of fhv."""

FILE_MONTH = Column(
    "file_month",
    ColumnType.DATE,
    "First day of the month of the published file that the trip came from; every table is partitioned by it.",
    required=True,
)


@dataclass(frozen=True)
class Dataset:
    """One published dataset.

    Attributes:
        name: ``yellow``, ``green``, ``fhv``, ``fhvhv``, or that of a dataset of your own.
        title: What people call it.
        description: Two sentences for the UI and for table comments.
        first_month: First month that was ever published, ``YYYY-MM``.
        columns: Canonical columns in the order of every table, without ``file_month``.
        pickup: Name of the required pickup time.
        dropoff: Name of the dropoff time, or None.
        total: Name of the column whose sum is compared between stores, or None.
        essential: Names of columns that every file of every era has; a file without one is not of this dataset.
        files: Where the file of a month is, with ``{month}`` or ``{year}`` and ``{mm}`` in it; None for TLC's datasets,
            which come from ``TAXI_SOURCE``.
        lag_days: How many days after its end a month is published at the earliest.
        defined_in: The file that declares it; empty for TLC's datasets.
    """

    name: str
    title: str
    description: str
    first_month: str
    columns: tuple[Column, ...]
    pickup: str
    dropoff: str | None
    total: str | None = None
    essential: tuple[str, ...] = ()
    files: str | None = None
    lag_days: int = TLC_LAG_DAYS
    defined_in: str = ""

    @property
    def table(self) -> str:
        """Name of the dataset's table and assets: ``yellow_tripdata``."""
        return f"{self.name}_tripdata"

    @property
    def table_columns(self) -> tuple[Column, ...]:
        """All columns as stored: the dataset's own, then ``file_month``."""
        return (*self.columns, FILE_MONTH)

    @property
    def columns_by_alias(self) -> Mapping[str, Column]:
        """The published columns by every name that files have used for them, each as :func:`plain_name` makes it."""
        return {plain_name(name): column for column in self.columns for name in (column.name, *column.aliases)}

    def column_called(self, name: str) -> Column | None:
        """The published column that a file calls so, or None when there is none."""
        return self.columns_by_alias.get(plain_name(name))

    def column(self, name: str) -> Column:
        """The column of that canonical name.

        Raises:
            KeyError: The dataset has no such column.
        """
        for column in self.table_columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}")


@dataclass(frozen=True)
class Lookup:
    """A published table that has no months: one file, replaced as a whole.

    Attributes:
        name: Name of its table and assets.
        title: What people call it.
        description: For the UI and for table comments.
        file_name: The file as published, below ``misc/`` at every source.
        columns: Canonical columns in the order of every table.
        key: Name of the column that identifies a row.
    """

    name: str
    title: str
    description: str
    file_name: str
    columns: tuple[Column, ...]
    key: str


def arrow_schema(columns: Iterable[Column], *, to_query: bool = False) -> Any:
    """The columns as they are in clean Parquet, in their order; with ``to_query``, as people get them.

    Returns:
        A ``pyarrow.Schema``; times have microseconds and no zone. (pyarrow has no type stubs.)
    """
    import pyarrow as pa

    types: dict[ColumnType, Any] = {
        ColumnType.CODE: pa.int32() if to_query else pa.int16(),
        ColumnType.INTEGER: pa.int32(),
        ColumnType.NUMBER: pa.float64(),
        ColumnType.TEXT: pa.string(),
        ColumnType.TIME: pa.timestamp("us"),
        ColumnType.DATE: pa.date32(),
        ColumnType.COUNT: pa.int64(),
        ColumnType.YES_NO: pa.bool_(),
    }
    return cast("Any", pa.schema([(column.name, types[column.type]) for column in columns]))
