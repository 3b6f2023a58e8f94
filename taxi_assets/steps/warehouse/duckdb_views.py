"""The warehouse of the ``local`` target: a DuckDB file with views over the lake's Parquet.

Belongs here: the catalogue file and its views. Not here: trips; they are in the lake, and a month that is copied
there is visible at once.

The file is a catalogue of a few hundred kilobytes. It is made anew beside the old one and renamed over it, so
nobody waits for anybody: a connection that is open keeps the catalogue that it opened, whose views read the same
lake. People should open it with ``duckdb -readonly warehouse.duckdb``: what they write into it (tables, views of
their own) is gone with the next replacement, and a connection that may write keeps others from opening the file.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from taxi_assets.data_dir import published_atomically, remove_leftovers
from taxi_assets.datasets.columns import Column, Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.errors import BrokenFileError, CountMismatchError, StoreUnavailableError
from taxi_assets.steps.files.sql import identifier, literal, parquet_scan
from taxi_assets.steps.warehouse.warehouse import ZONES_NAME, CleanObject, WarehouseMonth

logger = logging.getLogger(__name__)

LOCK_SECONDS = 60.0
"""Building a catalogue takes well under a second, so whoever holds the lock this long hangs."""

STORAGE_VERSION = "v1.0.0"
"""Every DuckDB since 1.0 can open the catalogue, also a command line older than this project's library."""

_Definition = tuple[str, str | None, tuple[tuple[str, str | None], ...]]
"""A view's SQL, its comment, and its columns with their comments."""


class DuckDbWarehouse:
    """A catalogue over a folder lake; implements :class:`taxi_assets.steps.warehouse.warehouse.Warehouse`.

    Args:
        catalogue: The file, ``warehouse.duckdb``.
        lake_root: The folder of the lake. Views name it by its absolute path.
    """

    def __init__(self, catalogue: Path, lake_root: Path) -> None:
        self._catalogue = catalogue.absolute()
        self._lake = lake_root.absolute()

    def load(self, month: TripMonth, clean: CleanObject, *, run_id: str = "") -> WarehouseMonth:
        """Makes sure that the view is there and shows the month as the lake has it.

        Raises:
            CountMismatchError: The view shows another number of rows than the file has.
        """
        del run_id
        begun = time.monotonic()
        replaced = self.refresh()
        return self._loaded(month.table, self.count(month), clean, replaced, begun)

    def load_zones(self, zones: CleanObject, *, run_id: str = "") -> WarehouseMonth:
        """Makes sure that the view ``taxi_zones`` is there and shows the lookup."""
        del run_id
        begun = time.monotonic()
        replaced = self.refresh()
        with self._opened() as connection:
            rows = int(_value(connection, f"SELECT count(*) FROM {identifier(TAXI_ZONES.name)}") or 0)
        return self._loaded(TAXI_ZONES.name, rows, zones, replaced, begun)

    def _loaded(self, view: str, rows: int, clean: CleanObject, replaced: bool, begun: float) -> WarehouseMonth:
        if rows != clean.rows:
            raise CountMismatchError(
                f"{self._catalogue}: the view {view} shows {rows:,} rows of what {clean.uri} has {clean.rows:,} of. "
                "The file was written or removed meanwhile; run again"
            )
        return WarehouseMonth(f"{self._catalogue}: {view}", rows, not replaced, None, None, time.monotonic() - begun)

    def count(self, month: TripMonth) -> int:
        """Rows of the view with this month's ``file_month``."""
        with self._opened() as connection:
            sql = f"SELECT count(*) FROM {identifier(month.table)} WHERE file_month = ?"
            return int(_value(connection, sql, [month.first_day]) or 0)

    def total(self, month: TripMonth, column: str) -> float | None:
        """Sum of a column over the month's rows."""
        name = DATASETS[month.dataset].column(column).name
        with self._opened() as connection:
            sql = f"SELECT sum({identifier(name)}) FROM {identifier(month.table)} WHERE file_month = ?"
            return _value(connection, sql, [month.first_day])

    def refresh(self) -> bool:
        """Replaces the catalogue when its views are not those that the registry and the lake ask for.

        Returns:
            Whether it was replaced.

        Raises:
            StoreUnavailableError: Another process has been building the catalogue for a minute.
            BrokenFileError: A file of the lake cannot be read; the catalogue was left as it is.
        """
        self._catalogue.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self._catalogue)
        try:
            with FileLock(f"{self._catalogue}.lock", timeout=LOCK_SECONDS):
                return self._replace_if_different()
        except Timeout as error:
            raise StoreUnavailableError(
                f"{self._catalogue}: another process has held its lock for {LOCK_SECONDS:.0f} s; the catalogue was "
                "left as it is. Run again when that process has ended"
            ) from error

    def _replace_if_different(self) -> bool:
        with tempfile.TemporaryDirectory(prefix="taxi-catalogue-") as folder:
            built = Path(folder) / self._catalogue.name
            self._build(built)
            if _definitions(built) == _definitions(self._catalogue):
                return False
            with published_atomically(self._catalogue) as partial:
                shutil.copyfile(built, partial)
        logger.info("warehouse: new catalogue %s", self._catalogue)
        return True

    def _build(self, target: Path) -> None:
        with duckdb.connect() as connection:
            attached = f"ATTACH {literal(str(target))} AS catalogue (STORAGE_VERSION {literal(STORAGE_VERSION)})"
            connection.execute(attached)
            connection.execute("USE catalogue")
            try:
                for dataset in DATASETS.values():
                    self._create_view(connection, dataset.table, _comment(dataset), dataset.table_columns,
                                      f"clean/{dataset.name}/{dataset.table}_????-??.parquet")  # fmt: skip
                self._create_view(connection, TAXI_ZONES.name, TAXI_ZONES.description, TAXI_ZONES.columns, ZONES_NAME)
            except duckdb.Error as error:
                raise BrokenFileError(
                    f"{self._lake}: a file of the lake cannot be read ({error}); {self._catalogue} was left as it "
                    "is. Materialize the lake asset of that month again"
                ) from error

    def _create_view(
        self, connection: duckdb.DuckDBPyConnection, name: str, comment: str, columns: Iterable[Column], pattern: str
    ) -> None:
        source, present = self._source(connection, pattern)
        selected = ",\n  ".join(_selected(column, present) for column in columns)
        connection.execute(f"CREATE VIEW {identifier(name)} AS SELECT\n  {selected}\n{source}")
        connection.execute(f"COMMENT ON VIEW {identifier(name)} IS {literal(comment)}")
        for column in columns:
            on = f"{identifier(name)}.{identifier(column.name)}"
            connection.execute(f"COMMENT ON COLUMN {on} IS {literal(column.full_description)}")

    def _source(self, connection: duckdb.DuckDBPyConnection, pattern: str) -> tuple[str, frozenset[str]]:
        """The FROM clause over the files of a pattern, and the columns that at least one of them has."""
        if not any(self._lake.glob(pattern)):
            return "WHERE false", frozenset()
        # By name: files that were cleaned before a column was known do not have it, and show NULL.
        source = f"FROM {parquet_scan(self._lake, pattern=pattern, union_by_name=True)}"
        described = connection.execute(f"DESCRIBE SELECT * {source}").fetchall()
        return source, frozenset(str(row[0]) for row in described)

    def _opened(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the catalogue as it is now.

        Attached to a database in memory: DuckDB would hand out the connection of this process that is open under
        the same path, which may be to a catalogue that has been replaced since.
        """
        if not self._catalogue.exists():
            self.refresh()
        connection = duckdb.connect()
        try:
            connection.execute(f"ATTACH {literal(str(self._catalogue))} AS catalogue (READ_ONLY)")
            connection.execute("USE catalogue")
        except duckdb.Error as error:
            connection.close()
            raise StoreUnavailableError(
                f"{self._catalogue}: cannot be opened ({error}). If somebody has it open for writing, they should "
                "use `duckdb -readonly`; if it is damaged, delete it, and the next load makes it anew"
            ) from error
        return connection


def _selected(column: Column, present: frozenset[str]) -> str:
    name = identifier(column.name)
    return f"CAST({name if column.name in present else 'NULL'} AS {column.type.duckdb}) AS {name}"


def _comment(dataset: Dataset) -> str:
    return f"{dataset.description} A view over the lake: one Parquet file a month."


def _definitions(catalogue: Path) -> dict[str, _Definition] | None:
    """What a catalogue says, or None when there is none or it cannot be read."""
    if not catalogue.exists():
        return None
    with duckdb.connect() as connection:
        try:
            connection.execute(f"ATTACH {literal(str(catalogue))} AS catalogue (READ_ONLY)")
        except duckdb.Error:
            return None
        views = connection.execute(
            "SELECT view_name, sql, comment FROM duckdb_views() WHERE database_name = 'catalogue' AND NOT internal"
        ).fetchall()
        columns = connection.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE database_name = 'catalogue' "
            "AND NOT internal ORDER BY table_name, column_index"
        ).fetchall()
    return {
        name: (sql, comment, tuple((column, said) for table, column, said in columns if table == name))
        for name, sql, comment in views
    }


def _value(connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[object] | None = None) -> float | None:
    row = connection.execute(sql, parameters or []).fetchone()
    return None if row is None else row[0]
