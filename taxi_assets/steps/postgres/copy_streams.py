"""Clean Parquet into one Postgres table, over parallel binary COPY streams.

Belongs here: reading row groups, encoding them as Postgres' binary rows, sending them. Memory is constant: each
stream holds one decoded row group's current batch and its encoded bytes. Not here: which table, and when readers see it
(``load.py``).
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

from taxi_assets.datasets.columns import Dataset, arrow_schema
from taxi_assets.errors import BrokenFileError, LayoutError
from taxi_assets.steps.files.progress import OnProgress
from taxi_assets.steps.postgres.connection import connection

BATCH_ROWS = 8192
"""Rows encoded at once. Measured with 2 million yellow trips, two streams, 2 cores: 2,048 rows 1.02, 8,192 rows 1.09,
65,536 rows 0.96, 122,880 rows 0.86 million rows a second."""

_ARROW_ERROR = cast("type[Exception]", pa.ArrowException)


@dataclass(frozen=True)
class Copied:
    """What went over the streams of a load.

    Attributes:
        bytes: Sent.
        rows: In the table, by the server's own word at the end of each stream.
    """

    bytes: int
    rows: int


class _StoppedError(Exception):
    """Another stream of this load failed, or the load was cancelled; never leaves this module."""


@dataclass(frozen=True)
class OpenedFile:
    """A clean file that was opened once: layout, footer and all streams are of one file, whatever its name means now.

    Attributes:
        path: Its name, for people.
        handle: See :func:`open_at_positions`.
    """

    path: Path
    handle: Any

    def parquet(self) -> Any:
        """Reads the footer, and columns later.

        Raises:
            BrokenFileError: It is not Parquet.
        """
        try:
            return pq.ParquetFile(self.handle)
        except (_ARROW_ERROR, OSError) as error:
            raise _broken(self.path, error) from error


@dataclass
class _Work:
    """The row groups that are still to be sent, and what all streams have sent so far."""

    file: OpenedFile
    row_groups: int
    total: int
    on_progress: OnProgress
    bytes: int = 0
    arrived: int = 0
    failure: BaseException | None = None
    _rows: int = 0
    _taken: int = 0
    _stopped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> Iterator[int]:
        """Row groups in the file's order, each to the stream that is free first.

        Neighbours in the file, which are neighbours in time, stay neighbours in the table. A fixed half of the file
        for each stream would interleave the first and the second half of the month, and no BRIN range would
        exclude anything.
        """
        while True:
            with self._lock:
                group = self._taken
                self._taken += 1
            if group >= self.row_groups:
                return
            yield group

    def wrote(self, size: int) -> None:
        """Counts bytes that went to the server."""
        with self._lock:
            self.bytes += size

    def committed(self, rows: int) -> None:
        """Counts the rows that the server says it took from a stream."""
        with self._lock:
            self.arrived += rows

    def encoded(self, rows: int) -> None:
        """Counts a batch and tells whoever watches; the moment at which a stream learns that it should stop."""
        with self._lock:
            self._rows += rows
            if self._stopped:
                raise _StoppedError
            self.on_progress(self._rows, self.total)

    def stop(self, failure: BaseException | None = None) -> None:
        """Makes all streams roll back at their next batch; the first failure is the one to tell."""
        with self._lock:
            self.failure = self.failure or failure
            self._stopped = True


def open_at_positions(path: Path) -> Any:
    """A file that several threads may read at once, each where it is: what :class:`OpenedFile` has for a handle."""
    return cast("Any", pa).OSFile(str(path))


def check_layout(file: OpenedFile, dataset: Dataset) -> None:
    """Sees that a clean file has the dataset's columns in Postgres' types, before anything is loaded.

    Raises:
        BrokenFileError: The file is not Parquet.
        LayoutError: A column is missing, surplus or of another type.
    """
    found: dict[str, Any] = {column.name: column.type for column in file.parquet().schema_arrow}
    wanted: dict[str, Any] = {field.name: field.type for field in arrow_schema(dataset.table_columns)}
    problems = [f"{name} is missing" for name in wanted if name not in found]
    problems += [f"{name} is not a column of {dataset.name}" for name in found if name not in wanted]
    problems += [
        f"{name} is {found[name]} and should be {kind}"
        for name, kind in wanted.items()
        if found.get(name, kind) != kind
    ]
    if problems:
        raise LayoutError(
            f"{file.path}: {'; '.join(problems)}. Nothing was loaded; materialize clean/{dataset.table} of this month "
            "again"
        )


def copy_parquet(
    file: OpenedFile,
    dataset: Dataset,
    table: sql.Identifier,
    conninfo: str,
    *,
    application_name: str,
    streams: int,
    on_progress: OnProgress,
) -> Copied:
    """Copies all rows of a clean file into a table and commits them.

    Columns without a single value, which the file's footer tells, are left out: they become NULL all the same, and a
    month has up to eight of them (no coordinates since 2016, no congestion fees before 2019 and 2025).

    Args:
        file: The clean file; its layout has been checked.
        dataset: Whose columns it has. Columns go by name: the table's own order does not matter.
        table: An existing table that nobody else uses; no column has a default.
        conninfo: Where the table is; each stream opens a connection of its own.
        application_name: Shown for each stream.
        streams: At most this many; never more than the file has row groups.
        on_progress: Called with rows sent and rows in all, one call at a time, from the streams' threads.

    Raises:
        BrokenFileError: The file cannot be read to its end, or Postgres refuses a value in it.
        StoreUnavailableError: The server went away; what other streams sent is rolled back or stays in the table,
            which the caller drops.
        StorageFullError: A disk of the server is full.
    """
    footer = file.parquet().metadata
    work = _Work(file, footer.num_row_groups, footer.num_rows, on_progress)
    names = columns_to_send(footer, dataset)
    count = max(1, min(streams, work.row_groups))
    with ThreadPoolExecutor(count, thread_name_prefix="copy") as pool:
        for number in range(1, count + 1):
            pool.submit(_stream, work, dataset, names, table, conninfo, f"{application_name} copy {number}")
        try:
            pool.shutdown(wait=True)
        except BaseException:
            # Cancelled from outside; leaving the block waits for the streams.
            work.stop()
            raise
    if work.failure is not None:
        raise work.failure
    return Copied(work.bytes, work.arrived)


def columns_to_send(footer: Any, dataset: Dataset) -> list[str]:
    """The table's columns that have values in a clean file, by its footer."""
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    paths = {number: footer.schema.column(number).path for number in range(footer.num_columns)}
    empty = {path for number, path in paths.items() if all(_all_null(group, number) for group in groups)}
    return [column.name for column in dataset.table_columns if column.name not in empty]


def _all_null(group: Any, number: int) -> bool:
    statistics = group.column(number).statistics
    return statistics is not None and statistics.has_null_count and statistics.null_count == group.num_rows


def _stream(
    work: _Work, dataset: Dataset, names: list[str], table: sql.Identifier, conninfo: str, application_name: str
) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT binary)").format(table, columns)
    try:
        with (
            connection(conninfo, application_name=application_name, autocommit=False) as server,
            server.cursor() as cursor,
        ):
            with cursor.copy(statement) as copy:
                for encoded in _encoded(work, names):
                    copy.write(encoded)
                    work.wrote(len(encoded))
            taken = cursor.rowcount
        work.committed(taken)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        work.stop(
            BrokenFileError(
                f"{work.file.path}: Postgres refuses a value in it ({error}); nothing was loaded. Materialize "
                f"clean/{dataset.table} of this month again"
            )
        )
    except BaseException as error:  # noqa: BLE001  # handed to the thread that started the streams, which raises it
        work.stop(error)


def _encoded(work: _Work, names: list[str]) -> Generator[bytes]:
    file = work.file.parquet()
    # Not empty_table().select(names): pyarrow imports pandas to make an array of nothing, which takes half a second.
    schema = cast("Any", pa.schema([file.schema_arrow.field(name) for name in names]))
    encoder = ArrowToPostgresBinaryEncoder(schema)
    yield encoder.write_header()
    try:
        for group in work.take():
            for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=names):
                # The encoder gathers about a megabyte before it hands out anything.
                yield encoder.write_batch(batch.select(names))
                work.encoded(batch.num_rows)
    except (_ARROW_ERROR, OSError) as error:
        raise _broken(work.file.path, error) from error
    yield encoder.finish()


def _broken(path: Path, error: Exception) -> BrokenFileError:
    return BrokenFileError(
        f"{path}: cannot be read as Parquet ({error}); nothing was loaded. Remove it, then materialize its clean asset "
        "again"
    )
