"""The warehouse of the ``local`` target: a DuckDB file with views over the lake's Parquet.

Belongs here: the catalogue file and how it is replaced. Not here: the SQL of its views (``lake_views.py``); trips,
which are in the lake; the versions of the lake's files that the views name, and how long they are kept
(``versions.py``).

The file is a catalogue of a few hundred kilobytes. Its views list the version of each month that they show. When a
month is loaded again, a new catalogue is made beside the old one, compared, and renamed over it, so nobody waits for
anybody: a connection that is open goes on with the catalogue that it opened and the months as they were, the next one
sees the new month. People should open it with ``duckdb -readonly warehouse.duckdb``: what they write into it (tables,
views of their own) is gone with the next replacement, and a connection that may write keeps others from opening the
file.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
from filelock import FileLock, Timeout

from taxi_assets.data_dir import partial_path, remove_leftovers
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.errors import (
    BrokenFileError,
    CountMismatchError,
    StoreAccessError,
    StoreUnavailableError,
    TaxiAssetsError,
)
from taxi_assets.steps.files.disk import disk_error, disk_errors_explained, is_full, is_not_allowed
from taxi_assets.steps.files.formats import parquet_rows
from taxi_assets.steps.files.interrupts import interruptible, stopped_by
from taxi_assets.steps.files.sql import identifier, literal
from taxi_assets.steps.lake.lake import clean_name
from taxi_assets.steps.warehouse.lake_views import create_views
from taxi_assets.steps.warehouse.versions import GRACE, Catalogues, FileVersions
from taxi_assets.steps.warehouse.warehouse import ZONES_NAME, CleanObject, WarehouseMonth
from taxi_assets.text import shown

logger = logging.getLogger(__name__)

LOCK_SECONDS = 60.0
"""Building a catalogue takes well under a second, so whoever holds the lock this long hangs."""

STORAGE_VERSION = "v1.0.0"
"""Every DuckDB since 1.0 can open the catalogue, also a command line older than this project's library."""


class _Definition(NamedTuple):
    """A view's SQL, its comment, and its columns with their comments."""

    sql: str
    comment: str | None
    columns: tuple[tuple[str, str | None], ...]


_Definitions = dict[tuple[str, str], _Definition]
"""By schema and name."""


class DuckDbWarehouse:
    """A catalogue over a folder lake; implements :class:`taxi_assets.steps.warehouse.warehouse.Warehouse`.

    Args:
        catalogue: The file, ``warehouse.duckdb``. A lake has one catalogue, which removes the versions that it
            shows no more.
        lake_root: The folder of the lake. Views name its files by their absolute paths.
        grace: See :data:`taxi_assets.steps.warehouse.versions.GRACE`.
    """

    def __init__(self, catalogue: Path, lake_root: Path, *, grace: timedelta = GRACE) -> None:
        self._catalogue = catalogue.absolute()
        self._lake = lake_root.absolute()
        self._versions = FileVersions(self._lake)
        self._catalogues = Catalogues(self._catalogue, grace)

    def load(self, month: TripMonth, clean: CleanObject, *, run_id: str = "") -> WarehouseMonth:
        """Makes the view show the month as the lake has it.

        Raises:
            BrokenFileError: See :meth:`refresh`, as for the other errors; and the month's file cannot be read.
            CountMismatchError: The view shows another number of rows than the file has.
            StoreUnavailableError: The lake's file was replaced meanwhile.
        """
        del run_id
        begun = time.monotonic()
        replaced = self.refresh()
        return self._loaded(month.table, clean_name(month), self.count(month), clean, replaced, begun)

    def load_zones(self, zones: CleanObject, *, run_id: str = "") -> WarehouseMonth:
        """Makes the view ``taxi_zones`` show the lookup; errors as :meth:`load`."""
        del run_id
        begun = time.monotonic()
        replaced = self.refresh()
        rows = int(self.value(ZONES_NAME, f"SELECT count(*) FROM {identifier(TAXI_ZONES.name)}") or 0)
        return self._loaded(TAXI_ZONES.name, ZONES_NAME, rows, zones, replaced, begun)

    def _loaded(
        self, view: str, name: str, rows: int, clean: CleanObject, replaced: bool, begun: float
    ) -> WarehouseMonth:
        if rows != clean.rows:
            with disk_errors_explained(name, self._lake):
                there = parquet_rows(self._lake / name)
            if there != clean.rows:
                raise StoreUnavailableError(
                    f"{self._lake / name}: another process replaced it meanwhile; the warehouse shows it whole, in one "
                    "version or the other. Run again"
                )
            raise CountMismatchError(
                f"{self._catalogue}: the view {view} shows {rows:,} rows of what {clean.uri} has {clean.rows:,} of. "
                "Materialize the lake asset of this month again"
            )
        return WarehouseMonth(f"{self._catalogue}: {view}", rows, not replaced, None, None, time.monotonic() - begun)

    def count(self, month: TripMonth) -> int:
        """Rows of the view with this month's ``file_month``.

        Raises:
            BrokenFileError: The file in the lake cannot be read.
            StoreAccessError: This user may not read the catalogue or the lake.
            StoreUnavailableError: Somebody has the catalogue open for writing, or removed files meanwhile.
        """
        sql = f"SELECT count(*) FROM {identifier(month.table)} WHERE file_month = ?"
        return int(self.value(clean_name(month), sql, [month.first_day]) or 0)

    def total(self, month: TripMonth, column: str) -> float | None:
        """Sum of a column over the month's rows; errors as :meth:`count`."""
        name = DATASETS[month.dataset].column(column).name
        sql = f"SELECT sum({identifier(name)}) FROM {identifier(month.table)} WHERE file_month = ?"
        return self.value(clean_name(month), sql, [month.first_day])

    def refresh(self) -> bool:
        """Replaces the catalogue when its views are not those that the registry and the lake ask for.

        Afterwards removes the versions of files that nobody can be reading any more.

        Returns:
            Whether it was replaced.

        Raises:
            BrokenFileError: A file of the lake cannot be read.
            StorageFullError: There is no room for the new catalogue.
            StoreAccessError: This user may not write there, or something that is no file has the catalogue's name.
            StoreUnavailableError: Another process has been building the catalogue for a minute, or removed files of
                the lake meanwhile. After each of these errors the catalogue is as it was.
        """
        with disk_errors_explained(str(self._catalogue), self._catalogue.parent):
            self._catalogue.parent.mkdir(parents=True, exist_ok=True)
            try:
                with FileLock(f"{self._catalogue}.lock", timeout=LOCK_SECONDS):
                    return self._replace_if_different()
            except Timeout as error:
                raise StoreUnavailableError(
                    f"{self._catalogue}: another process has held its lock for {LOCK_SECONDS:.0f} s; the catalogue was "
                    "left as it is. Run again when that process has ended"
                ) from error

    def _replace_if_different(self) -> bool:
        if self._catalogue.is_dir():
            raise StoreAccessError(
                f"{self._catalogue}: is a folder, and the DuckDB catalogue belongs there. Move it away, then run again"
            )
        remove_leftovers(self._catalogue)
        folder = partial_path(self._catalogue)
        folder.mkdir()
        try:
            built = folder / self._catalogue.name
            named = self._build(built)
            replaced = self._catalogues.wal.exists() or _definitions_in(self._catalogue) != _definitions_in(built)
            if replaced:
                self._catalogues.note(built, named)
                self._catalogues.keep()
                built.replace(self._catalogue)
                logger.info("warehouse: new catalogue %s", self._catalogue)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self._clean_up(named)
        return replaced

    def _build(self, built: Path) -> list[Path]:
        """Makes a catalogue, and returns the files that its views name."""
        with _attachable(built) as path, duckdb.connect() as connection, self._errors(str(self._lake)):
            connection.execute(f"ATTACH {literal(str(path))} AS built (STORAGE_VERSION {literal(STORAGE_VERSION)})")
            connection.execute("USE built")
            named = self._create_views(connection)
            wanted = _definitions(connection, "built")
            # What DuckDB writes when it closes a file fails in silence.
            connection.execute("CHECKPOINT built")
        # Not the SQL: DuckDB spells types otherwise once a view was read from a file.
        if _shapes(_definitions_in(built)) != _shapes(wanted):
            raise StoreUnavailableError(
                f"{self._catalogue}: the new catalogue could not be read back as it was written; the one that was "
                "there is untouched. Run again"
            )
        with built.open("rb") as file:
            os.fsync(file.fileno())
        return named

    def _clean_up(self, named: Iterable[Path]) -> None:
        try:
            self._versions.remove_all_but(self._catalogues.forget_unread().union(named))
        except OSError as error:
            logger.warning("%s: old versions could not be removed now (%s)", self._catalogue, error)

    def _create_views(self, connection: duckdb.DuckDBPyConnection) -> list[Path]:
        """Creates the views, and returns the files that they name."""
        named: list[Path] = []

        def take(pattern: str) -> list[Path]:
            found = self._taken(pattern)
            named.extend(found)
            return found

        create_views(connection, take)
        return named

    def _taken(self, pattern: str) -> list[Path]:
        """The versions that the lake's files of a pattern have now."""
        names = sorted(path.relative_to(self._lake).as_posix() for path in self._lake.glob(pattern))
        return [self._versions.take(name) for name in names]

    def value(self, name: str, sql: str, parameters: list[object] | None = None) -> float | None:
        """The one value that a query gives; ``name`` is the file of the lake that it is about."""
        found = self.rows(name, sql, parameters)
        return found[0][0] if found else None

    def rows(self, name: str, sql: str, parameters: list[object] | None = None) -> list[tuple[Any, ...]]:
        """What a query gives; ``name`` is the file or folder of the lake that it is about."""
        with disk_errors_explained(str(self._catalogue), self._catalogue.parent):
            if not self._catalogue.is_file():
                self.refresh()
        # Attached to a database in memory: DuckDB would hand out the connection of this process that is open under
        # the same path, which may be to a catalogue that has been replaced since.
        with duckdb.connect() as connection, interruptible(), stopped_by(connection.interrupt):
            with self._errors(str(self._catalogue)):
                try:
                    connection.execute(f"ATTACH {literal(str(self._catalogue))} AS catalogue (READ_ONLY)")
                except duckdb.IOException as error:
                    if is_not_allowed(error):
                        raise
                    raise StoreUnavailableError(
                        f"{self._catalogue}: cannot be opened ({_first_line(error)}). If somebody has it open for "
                        "writing, they should use `duckdb -readonly`; if it is damaged, the next load makes it anew"
                    ) from error
            connection.execute("USE catalogue")
            with self._errors(str(self._lake / name)):
                return connection.execute(sql, parameters or []).fetchall()

    @contextmanager
    def _errors(self, place: str) -> Generator[None]:
        try:
            yield
        except duckdb.Error as error:
            if isinstance(error, (duckdb.InterruptException, duckdb.ParserException)):
                raise  # of whoever stops it, and of our own SQL
            raise self._explained(error, place) from error

    def _explained(self, error: duckdb.Error, place: str) -> TaxiAssetsError:
        said = _first_line(error)
        if is_full(error) or is_not_allowed(error):
            return disk_error(place, self._catalogue.parent, error, said)
        if isinstance(error, duckdb.OutOfMemoryException) or "No such file" in said or "No files found" in said:
            return StoreUnavailableError(f"{place}: cannot be read now ({said}); nothing was changed. Run again")
        if isinstance(error, duckdb.CatalogException):
            return StoreUnavailableError(
                f"{self._catalogue}: does not have the views of this project ({said}), so somebody else made it. The "
                "next load replaces it"
            )
        return BrokenFileError(
            f"{place}: a file of the lake cannot be read ({said}); {self._catalogue} was left as it is. Materialize "
            "the lake asset of that month again"
        )


@contextmanager
def _attachable(database: Path) -> Generator[Path]:
    """Where DuckDB can write the file, which then gets to its place: DuckDB puts ``.wal`` before a question mark."""
    if "?" not in str(database):
        yield database
        return
    with TemporaryDirectory(prefix="taxi_assets-") as folder:
        elsewhere = Path(folder, database.name)
        yield elsewhere
        shutil.copyfile(elsewhere, database)


def _definitions_in(catalogue: Path) -> _Definitions | None:
    """What a catalogue says, or None when there is none or it cannot be read."""
    if not catalogue.exists():
        return None
    with duckdb.connect() as connection:
        try:
            connection.execute(f"ATTACH {literal(str(catalogue))} AS catalogue (READ_ONLY)")
            return _definitions(connection, "catalogue")
        except duckdb.Error:
            return None


def _definitions(connection: duckdb.DuckDBPyConnection, database: str) -> _Definitions:
    views = connection.execute(
        "SELECT schema_name, view_name, sql, comment FROM duckdb_views() WHERE database_name = ? AND NOT internal",
        [database],
    ).fetchall()
    columns = connection.execute(
        "SELECT schema_name, table_name, column_name, comment FROM duckdb_columns() WHERE database_name = ? "
        "AND NOT internal ORDER BY column_index",
        [database],
    ).fetchall()
    found: dict[tuple[str, str], list[tuple[str, str | None]]] = {}
    for schema, table, column, said in columns:
        found.setdefault((schema, table), []).append((column, said))
    return {
        (schema, name): _Definition(sql, comment, tuple(found.get((schema, name), ())))
        for schema, name, sql, comment in views
    }


def _shapes(definitions: _Definitions | None) -> dict[tuple[str, str], object]:
    return {name: (said.comment, said.columns) for name, said in (definitions or {}).items()}


def _first_line(error: duckdb.Error) -> str:
    return shown(str(error).partition("\n")[0])
