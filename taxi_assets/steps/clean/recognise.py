"""What a dropped file is: dataset, month and format, by its name and its contents.

Belongs here: recognising a file without loading it, by the very layout, values and rules that cleaning reads with, so
that what can be cleaned is recognised. Not here: whether every line of it is good; the run that loads it verifies it
like any published file.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError, LayoutError
from taxi_assets.steps.clean.reading.csv_layout import first_line, read_csv_layout
from taxi_assets.steps.clean.reading.csv_queries import CsvQueries
from taxi_assets.steps.clean.reading.dates import DateEvidence, DateOrder
from taxi_assets.steps.clean.reading.encoding import decoded
from taxi_assets.steps.clean.reading.parquet_queries import ParquetQueries, describe
from taxi_assets.steps.clean.reading.values import Notation
from taxi_assets.steps.files.duckdb_connection import draw_no_progress, errors_explained
from taxi_assets.steps.files.formats import Format, format_of, open_text
from taxi_assets.steps.files.header import map_columns
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets.steps.files.sql import identifier
from taxi_assets.steps.raw.diagnosis import LOOKED_AT, kind_of
from taxi_assets.text import shown

ROWS_LOOKED_AT = 100_000
"""Trips that vote for the month when the name does not tell it."""

BYTES_LOOKED_AT = 20 << 20
"""Text from the start of a CSV whose lines vote: about as many trips, of the widest lines (200 bytes, yellow 2009)."""

_LINES = "lines"


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


@dataclass(frozen=True)
class _Trips:
    """How the trips of a file are read before its month is known.

    Attributes:
        date_evidence: A query of one row of ``DateEvidence``, or None when the times have a type of their own.
        read: The query of the trips that cleaning would keep, by the order of their dates.
    """

    date_evidence: str | None
    read: Callable[[DateOrder], str]


def recognise(path: Path, ignore: Set[str] = frozenset()) -> LandedFile:
    """Tells dataset and month: by the name when it has TLC's form, and else by columns and pickup times.

    Columns are looked at in either case: a green file that is called yellow is rejected here, not loaded.

    Args:
        path: The file.
        ignore: Names of columns that are skipped on purpose, each as ``plain_name`` makes it.

    Raises:
        BrokenFileError: It is empty, of another kind, or cannot be read as what it starts like.
        LayoutError: Its columns are those of no dataset, or not of the one that its name says; or its trips are of no
            one month, or of one or another by the order in which its dates are read.
    """
    file_format = _format(path)
    # Of fhv and fhvhv the longer first.
    datasets = "|".join(sorted(DATASETS, key=len, reverse=True))
    named = re.search(rf"({datasets})_tripdata_(20\d\d-(?:0[1-9]|1[0-2]))(?!\d)", path.name, re.IGNORECASE)
    whole = "Nothing was loaded of it; fetch it once more, and drop it when it is whole"
    with errors_explained(path, path.parent, advice=whole), duckdb.connect() as connection:
        draw_no_progress(connection)
        candidates = _datasets_with_its_columns(path, file_format, ignore, connection)
        if named:
            dataset = named.group(1).lower()
            if dataset not in candidates:
                raise LayoutError(f"{path.name}: its name says {dataset}, its columns are those of {candidates[0]}")
            return LandedFile(TripMonth(dataset, named.group(2)), file_format, "by its name")
        raw = _as_raw(path, file_format, DATASETS[candidates[0]])
        of_format = _trips_of_parquet if file_format == "parquet" else _trips_of_csv
        month = _month_of_most(of_format(raw, ignore, connection), raw, connection)
    return LandedFile(month, file_format, "by its contents")


def _format(path: Path) -> Format:
    with path.open("rb") as file:
        head = file.read(LOOKED_AT)
    if not head:
        raise BrokenFileError(f"{path.name}: the file is empty")
    file_format = format_of(head)
    if file_format != "parquet" and (kind := kind_of(_text_at_start(path, file_format, LOOKED_AT))):
        raise BrokenFileError(f"{path.name}: this is {kind.name}; {kind.advice}")
    return file_format


def _text_at_start(path: Path, file_format: Format, size: int) -> bytes:
    try:
        with open_text(path, file_format) as text:
            return text.read(size)
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's trouble, not the file's
        raise BrokenFileError(f"{path.name}: it starts like gzip but cannot be read: {shown(str(error))}") from error


def _as_raw(path: Path, file_format: Format, dataset: Dataset) -> RawFile:
    """What cleaning asks of a raw file. In place of the month, which is what is looked for, stands the first."""
    return RawFile(
        path=path,
        source=str(path),
        format=file_format,
        synthetic=False,
        bytes=path.stat().st_size,
        uncompressed_bytes=0,
        sha256="",
        etag=None,
        last_modified=None,
        fetched_at="",
        published_rows=0,
        month=TripMonth(dataset.name, dataset.first_month),
    )


def _datasets_with_its_columns(
    path: Path, file_format: Format, ignore: Set[str], connection: duckdb.DuckDBPyConnection
) -> list[str]:
    """The datasets whose files may have these columns; fhvhv 2021-06 and -07 look like fhv."""
    names = [name for name, _ in describe(connection, path)] if file_format == "parquet" else []
    fitting: list[str] = []
    for dataset in DATASETS.values():
        try:
            if file_format == "parquet":
                map_columns(names, dataset, path, ignore=ignore)
            else:
                read_csv_layout(_as_raw(path, file_format, dataset), dataset, ignore)
        except LayoutError:
            continue
        fitting.append(dataset.name)
    if not fitting:
        header = ", ".join(names) or first_line(path, file_format)
        raise LayoutError(f"{path.name}: these columns are not those of {', '.join(DATASETS)}: {shown(header, 300)}")
    return fitting


def _trips_of_csv(raw: RawFile, ignore: Set[str], connection: duckdb.DuckDBPyConnection) -> _Trips:
    """Every line is judged as one that is in doubt: in full, which finds what the fast pass finds."""
    dataset = DATASETS[raw.month.dataset]
    queries = CsvQueries(raw, read_csv_layout(raw, dataset, ignore), dataset)
    # The header and what is left of the last line hold no trip, and are rejected like any such line.
    text = decoded(_text_at_start(raw.path, raw.format, BYTES_LOOKED_AT))
    connection.execute(
        f"CREATE TEMP TABLE {_LINES} AS SELECT row_number() OVER () AS n, rtrim(line, chr(13)) AS line "
        "FROM (SELECT unnest(string_split(?, chr(10))) AS line)",
        [text],
    )

    def read(order: DateOrder) -> str:
        in_order = replace(queries, dates=order)
        return in_order.salvaged_trips(f"({in_order.judged(_LINES)})")

    return _Trips(queries.date_evidence_in(_LINES), read)


def _trips_of_parquet(raw: RawFile, ignore: Set[str], connection: duckdb.DuckDBPyConnection) -> _Trips:
    queries = ParquetQueries.of(raw, describe(connection, raw.path), DATASETS[raw.month.dataset], ignore)
    return _Trips(queries.date_evidence(), lambda order: replace(queries, notation=Notation(order)).trips())


def _month_of_most(trips: _Trips, raw: RawFile, connection: duckdb.DuckDBPyConnection) -> TripMonth:
    """The month in which most of the first trips began; a few clocks are years off."""
    order = DateOrder.UNKNOWN
    if trips.date_evidence:
        order = DateEvidence(*connection.execute(trips.date_evidence).fetchall()[0]).order_by_numbers
    readings = (DateOrder.MONTH_FIRST, DateOrder.DAY_FIRST) if order is DateOrder.UNDECIDED else (order,)
    pickup = DATASETS[raw.month.dataset].pickup
    elected = {
        reading: month
        for reading in readings
        if (month := _elected(f"SELECT {identifier(pickup)} AS pickup FROM ({trips.read(reading)})", connection))
    }
    months = sorted(set(elected.values()))
    if len(months) == 1:
        try:
            return TripMonth(raw.month.dataset, months[0])
        except ValueError as error:  # 1970-01, which zeros become
            raise LayoutError(
                f"{raw.path.name}: most of its trips began in {months[0]}, of which no dataset has a file, so its "
                f"pickup times ({pickup}) are not as they were published"
            ) from error
    name = f"{raw.month.dataset}_tripdata_{{}}.{raw.format}"
    if months:
        raise LayoutError(
            f"{raw.path.name}: its trips are of {elected[DateOrder.MONTH_FIRST]} if the month stands first in its "
            f"dates, and of {elected[DateOrder.DAY_FIRST]} if the day does; no number above 12 tells which. Name it "
            f"{' or '.join(map(name.format, months))}, and that month decides"
        )
    raise LayoutError(
        f"{raw.path.name}: no month has most of its pickup times ({pickup}), so it is not clear which it is. "
        f"{order.explanation + '. ' if order is DateOrder.CONTRADICTORY else ''}If it is a month, name it "
        f"{name.format('YYYY-MM')}"
    )


def _elected(pickups: str, connection: duckdb.DuckDBPyConnection) -> str | None:
    """The month of more than half of the first pickup times, or None."""
    counted: list[tuple[str, int]] = connection.execute(
        f"SELECT strftime(pickup, '%Y-%m') AS month, count(*) AS trips FROM ({pickups} LIMIT {ROWS_LOOKED_AT}) "
        "GROUP BY month ORDER BY trips DESC"
    ).fetchall()
    return counted[0][0] if counted and counted[0][1] * 2 > sum(trips for _, trips in counted) else None
