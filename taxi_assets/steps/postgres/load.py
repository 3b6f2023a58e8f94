"""clean -> postgres: one month of ``public.<dataset>_tripdata``, replaced as a whole.

Belongs here: the order of a load, and what makes it safe to run twice or at the same time. Not here: DDL
(``tables.py``), the streams (``copy_streams.py``), the swap itself (``swap.py``) and connections (``connection.py``).

    take the month's advisory lock        two runs of a month take turns, different months go side by side
    -> is this file loaded already?       then nothing is done
    -> fill a table that nobody sees      parallel binary COPY, rows counted, BRIN index, ANALYZE
    -> swap it in                         DETACH the old, ATTACH the new, drop the old, in one short transaction

A load that is killed anywhere leaves the old month readable. Its connections' locks go with it, and its table is
dropped by the next load or ``prepare_database``. The swap runs on the connection that holds the advisory lock: a load
that lost its lock with its connection cannot swap.

Readers see the old month or the new one. The exception is PostgreSQL's: a REPEATABLE READ transaction whose snapshot
is older than the swap and that reads the table for the first time after it finds the month empty.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import CountMismatchError
from taxi_assets.steps.files.clean_file import CleanFile, as_cleaned, must_be_in_hand
from taxi_assets.steps.files.disk import disk_errors_explained
from taxi_assets.steps.files.progress import OnProgress, no_progress
from taxi_assets.steps.files.same_file import held
from taxi_assets.steps.postgres.connection import Connection, connection
from taxi_assets.steps.postgres.database import Database, TripsDatabase
from taxi_assets.steps.postgres.swap import SWAP_PATIENCE, attached_partition, swap_in
from taxi_assets.steps.postgres.tables import Names, drop_leftovers, parent_indexes, prepare, trusted

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedMonth:
    """A month as it is in Postgres.

    Attributes:
        rows: Those of the clean file; the server counted as many.
        table: What people query: ``public.yellow_tripdata``.
        partition: The month's own table: ``partitions.yellow_tripdata_2019_01``.
        bytes_loaded: Sent over COPY; 0 when the month was unchanged.
        unchanged: The month held this very content already; nothing was done.
        seconds: All of it, waiting for another load of the month included.
    """

    rows: int
    table: str
    partition: str
    bytes_loaded: int
    unchanged: bool
    seconds: float


def load_month(
    clean: CleanFile,
    database: Database,
    *,
    application_name: str = "taxi_assets",
    streams: int = 2,
    on_progress: OnProgress = no_progress,
    swap_patience: float = SWAP_PATIENCE,
) -> LoadedMonth:
    """Makes the month in Postgres exactly what its clean file holds.

    Args:
        clean: The month's clean file and its figures.
        database: The trips database: a libpq URL or ``key=value`` string, with the schemas of the tables or without.
        application_name: Shown in ``pg_stat_activity`` and the server's log, cut at 63 bytes; the streams add
            their number.
        streams: Parallel COPY connections. On 2 cores two are 1.2 to 1.3 times as fast as one, and three no faster.
        on_progress: Called with rows sent and rows in all.
        swap_patience: Seconds for which readers that hold the table are waited for.

    Raises:
        LayoutError: The file or the table has other columns than the registry.
        BrokenFileError: The file cannot be read, was changed on this disk since it was made, or holds a value that
            Postgres does not take.
        CountMismatchError: Not all rows arrived; the old month is kept.
        StoreAccessError: The server refuses this user, or the file may not be read.
        StoreUnavailableError: The server went away, or readers held the table for all of ``swap_patience``.
        FileChangedError: Another run replaced the clean file meanwhile; the old month is kept.
        StorageFullError: A disk of the server is full; the old month is kept.
    """
    # Arrow and the encoder, half a second of imports that only a load needs.
    from taxi_assets.steps.postgres.copy_streams import (
        Copied,
        OpenedFile,
        check_layout,
        copy_parquet,
        open_at_positions,
    )

    started = time.monotonic()
    month, dataset = clean.month, DATASETS[clean.month.dataset]
    where = TripsDatabase.of(database)
    names = Names(month, where.schemas)
    copied, unchanged = Copied(bytes=0, rows=0), False
    with disk_errors_explained(str(month), clean.path.parent), held(clean.path, open_at_positions) as holding:
        file = OpenedFile(clean.path, holding.file)
        check_layout(file, dataset)
        with connection(where.conninfo, application_name=application_name) as server:
            prepare(server, where.schemas, [dataset])
            with _only_one(server, names):
                drop_leftovers(server, where.schemas)
                unchanged = _holds(server, names, clean)
                if not unchanged:
                    with _stand_alone_table(server, names) as table:
                        with as_cleaned(clean, holding):
                            must_be_in_hand(file.handle, clean)
                            copied = copy_parquet(
                                file,
                                dataset,
                                where.schemas.partition(table),
                                where.conninfo,
                                application_name=application_name,
                                streams=streams,
                                on_progress=on_progress,
                            )
                            _all_rows_arrived(copied.rows, clean)
                        indexes = _finish(server, names, table, clean)
                        holding.must_be_the_same()
                        swap_in(server, names, table, indexes, swap_patience)
    seconds = time.monotonic() - started
    if unchanged:
        logger.info("%s: %s holds this very content already", month, names.table)
    else:
        logger.info("%s: %s rows into %s in %.1f s", month, f"{clean.rows:,}", names.table, seconds)
    return LoadedMonth(
        rows=clean.rows,
        table=names.table,
        partition=names.shown_partition,
        bytes_loaded=copied.bytes,
        unchanged=unchanged,
        seconds=seconds,
    )


def count_month(database: Database, month: TripMonth) -> int:
    """Rows of the month in Postgres; 0 when its table does not exist."""
    return int(_aggregate(database, month, sql.SQL("count(*)")) or 0)


def sum_month(database: Database, month: TripMonth, column: str) -> float | None:
    """Sum of a number column over the month, in the column's unit; None when the month is empty or all NULL.

    Doubles are added in whatever order Postgres reads them: compare with a tolerance.

    Raises:
        KeyError: The dataset has no such column.
    """
    name = DATASETS[month.dataset].column(column).name
    total = _aggregate(database, month, sql.SQL("sum({})").format(sql.Identifier(name)))
    return None if total is None else float(total)


def _aggregate(database: Database, month: TripMonth, what: sql.Composable) -> Any:
    where = TripsDatabase.of(database)
    query = sql.SQL("SELECT {} FROM {} WHERE file_month = %s").format(what, where.schemas.table(month.table))
    with connection(where.conninfo, application_name=f"taxi_assets {month}") as server:
        try:
            row = server.execute(query, [month.first_day]).fetchone()
        except psycopg.errors.UndefinedTable:
            return None
    return row[0] if row else None


@contextmanager
def _only_one(server: Connection, names: Names) -> Generator[None]:
    """Holds the month's advisory lock; it goes with the connection, so a killed load cannot keep it."""
    key = [names.lock]
    row = server.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", key).fetchone()
    if not (row and row[0]):
        logger.info("%s: another run is loading this month; waiting for it", names.month)
        server.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", key)
    try:
        yield
    finally:
        if not server.closed:
            server.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", key)


def _holds(server: Connection, names: Names, clean: CleanFile) -> bool:
    """Whether the attached partition was made from this very content and still has all its rows."""
    attached = attached_partition(server, names)
    if attached is None or attached.content_id != clean.content_id:
        return False
    return _count(server, attached.identifier) == clean.rows


@contextmanager
def _stand_alone_table(server: Connection, names: Names) -> Generator[str]:
    """A table like the parent that nobody sees; gone at the end unless it was swapped in under another name."""
    name = names.loading(uuid4().hex[:8])
    table = names.schemas.partition(name)
    # The constraint proves to ATTACH what it would otherwise scan the table for.
    server.execute(
        sql.SQL(
            "CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMMENTS, "
            "CONSTRAINT is_the_month CHECK (file_month = {}))"
        ).format(table, names.parent, sql.Literal(names.month.first_day))
    )
    try:
        yield name
    finally:
        try:
            server.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
        except psycopg.Error as error:
            # The connection is gone; a later load or prepare_database drops the table.
            logger.debug("%s stays for now: %s", names.schemas.partition_text(name), error)


def _all_rows_arrived(rows: int, clean: CleanFile) -> None:
    if rows != clean.rows:
        raise CountMismatchError(
            f"{clean.path}: {clean.rows:,} rows in the clean file, {rows:,} arrived in Postgres. The month that was "
            "there is kept; materialize clean again, then postgres"
        )


def _finish(server: Connection, names: Names, name: str, clean: CleanFile) -> list[str]:
    """Indexes, statistics and the comment that says what the month holds.

    Returns:
        For each index the end of its name, after the table's.
    """
    table = names.schemas.partition(name)
    indexes = parent_indexes(server, names)
    for ending, definition in indexes.items():
        index = sql.Identifier(f"{name}_{ending}")
        server.execute(sql.SQL("CREATE INDEX {} ON {} {}").format(index, table, trusted(definition)))
    server.execute(sql.SQL("ANALYZE {}").format(table))
    holds = {"content_id": clean.content_id, "rows": clean.rows, "source": clean.source, "synthetic": clean.synthetic}
    server.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(json.dumps(holds))))
    return list(indexes)


def _count(server: Connection, table: sql.Identifier) -> int:
    row = server.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()
    return int(row[0]) if row else 0
