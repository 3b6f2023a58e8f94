"""What a dropped file is: dataset, month and format, by its name and its contents.

Belongs here: recognising a file without loading it. Not here: whether every line of it is good; the run that loads it
verifies it like any published file.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError, LayoutError
from taxi_assets.steps.files.formats import Format, format_of, open_text
from taxi_assets.steps.files.header import ColumnMap, map_columns
from taxi_assets.steps.files.sql import identifier, parquet_scan
from taxi_assets.text import shown

_NAME = re.compile(r"(yellow|green|fhvhv|fhv)_tripdata_(20\d\d-(?:0[1-9]|1[0-2]))(?!\d)", re.IGNORECASE)
_LONGEST_HEADER = 16_384
ROWS_LOOKED_AT = 100_000
"""Trips that vote for the month when the name does not tell it."""


@dataclass(frozen=True)
class LandedFile:
    """A dropped file that is a month.

    Attributes:
        month: Which.
        format: By its first bytes, whatever its name ends with.
        recognised_by: ``by its name`` or ``by its contents``.
    """

    month: TripMonth
    format: Format
    recognised_by: str


def recognise(path: Path, ignore: Set[str] = frozenset()) -> LandedFile:
    """Tells dataset and month: by the name when it has TLC's form, and else by columns and pickup times.

    Columns are looked at in either case: a green file that is called yellow is rejected here, not loaded.

    Args:
        path: The file.
        ignore: Names of columns that are skipped on purpose, each as ``plain_name`` makes it.

    Raises:
        BrokenFileError: It is empty, or cannot be read as what it starts like.
        LayoutError: Its columns are those of no dataset, or not of the one that its name says, or its trips are of no
            one month.
    """
    file_format = _format(path)
    names = _column_names(path, file_format)
    candidates = _datasets_with(names, path, ignore)
    named = _NAME.search(path.name)
    if named:
        dataset, month = named.group(1).lower(), named.group(2)
        if dataset not in candidates:
            raise LayoutError(
                f"{path.name}: its name says {dataset}, its columns are those of {next(iter(candidates))}"
            )
        return LandedFile(TripMonth(dataset, month), file_format, "by its name")
    dataset, columns = next(iter(candidates.items()))
    [position, *_] = columns.positions[DATASETS[dataset].pickup]
    month = _month_of_most_trips(path, file_format, names, position)
    return LandedFile(TripMonth(dataset, month), file_format, "by its contents")


def _datasets_with(names: list[str], path: Path, ignore: Set[str]) -> dict[str, ColumnMap]:
    """The datasets whose files may have these columns; fhvhv 2021-06 and -07 look like fhv."""
    mapped = {dataset.name: _mapped(names, dataset, path, ignore) for dataset in DATASETS.values()}
    fitting = {name: columns for name, columns in mapped.items() if columns is not None}
    if not fitting:
        raise LayoutError(
            f"{path.name}: these columns are not those of {', '.join(DATASETS)}: {', '.join(names)[:300]}"
        )
    return fitting


def _mapped(names: list[str], dataset: Dataset, path: Path, ignore: Set[str]) -> ColumnMap | None:
    try:
        return map_columns(names, dataset, path, ignore=ignore)
    except LayoutError:
        return None


def _format(path: Path) -> Format:
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        raise BrokenFileError(f"{path.name}: the file is empty")
    return format_of(head)


def _column_names(path: Path, file_format: Format) -> list[str]:
    """Names as published, without the quotes that some CSV headers have around them."""
    if file_format == "parquet":
        from pyarrow import parquet

        try:
            # Not DuckDB's names: of two that differ in case only, it would call the second Airport_fee_1.
            return list(cast("Any", parquet.read_schema(path)).names)
        except (ValueError, NotImplementedError, OSError) as error:  # what pyarrow's errors derive from
            raise BrokenFileError(
                f"{path.name}: it starts like Parquet but cannot be read: {shown(str(error))}"
            ) from error
    try:
        with open_text(path, file_format) as file:
            header = b"\n"
            while header and not header.strip(b"\r\n"):
                header = file.readline(_LONGEST_HEADER)
    except (OSError, EOFError, zlib.error) as error:
        raise BrokenFileError(f"{path.name}: it starts like gzip but cannot be read: {shown(str(error))}") from error
    return [name.strip().strip('"') for name in header.decode("utf-8-sig", errors="replace").split(",")]


def _month_of_most_trips(path: Path, file_format: Format, names: list[str], pickup: int) -> str:
    """The month in which most of the first trips began; a few clocks are years off."""
    import duckdb

    with duckdb.connect() as connection:
        if file_format == "parquet":
            trips = connection.sql(f"FROM {parquet_scan(path)}")
        else:
            # Some eras have more fields in a line than the header names.
            fields = [f"field {number}" for number in range(len(names) + 4)]
            trips = connection.read_csv(
                str(path),
                header=False,  # its line, wherever it is, holds no time and has no vote
                delimiter=",",
                quotechar='"',
                columns=dict.fromkeys(fields, "VARCHAR"),
                auto_detect=False,
                null_padding=True,
                strict_mode=False,
                ignore_errors=True,
                compression="gzip" if file_format == "csv.gz" else "none",
            )
        began = f"try_cast({identifier(trips.columns[pickup])} AS TIMESTAMP)"
        try:
            counted = (
                trips.limit(ROWS_LOOKED_AT)
                .aggregate(f"strftime({began}, '%Y-%m') AS month, count(*) AS trips")
                .filter("month IS NOT NULL")
                .order("trips DESC")
                .fetchall()
            )
        except duckdb.Error as error:
            raise BrokenFileError(f"{path.name}: it cannot be read: {shown(str(error))}") from error
    if not counted or counted[0][1] * 2 <= sum(trips for _, trips in counted):
        raise LayoutError(
            f"{path.name}: no month has most of its pickup times ({names[pickup]}), so it is not clear which it is"
        )
    return counted[0][0]
