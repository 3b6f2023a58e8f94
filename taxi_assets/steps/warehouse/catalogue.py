"""Views over the lake in somebody else's DuckDB file, under the tables' own names.

Belongs here: making and replacing them. Not here: the project's own catalogue (``duckdb_views.py``).

A file that other tools own (a dbt project's, a notebook's) cannot be replaced whole as ``warehouse.duckdb`` is, so its
views name months by a pattern: those that come later are seen without anybody doing anything. The price: a query that
reads a month in the very moment in which it is replaced can fail, and goes well the next time.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from taxi_assets.data_dir import DataDir, published_atomically
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.errors import ArgumentError, LayoutError, StoreUnavailableError
from taxi_assets.steps.files.disk import disk_error, disk_errors_explained, is_full, is_not_allowed
from taxi_assets.steps.files.sql import identifier, literal, parquet_scan
from taxi_assets.steps.warehouse.lake_views import View, columns_projection
from taxi_assets.steps.warehouse.warehouse import ZONES_NAME
from taxi_assets.text import shown

MARK = "[a view of taxi_assets over its lake]"
"""Ends the comment of each view; without it a view is somebody else's."""


def write_catalogue(file: Path, schema: str, data_dir: DataDir) -> tuple[str, ...]:
    """Makes views of all trips and of the zones in a schema of a DuckDB file, which is made if it is not there.

    Run again, it brings its own views up to date. All of them are made, or none.

    Args:
        file: The DuckDB file: ``taxi_rides_ny.duckdb``.
        schema: Where the views go; made if it is not there. The course's dbt project reads ``prod``.
        data_dir: Whose lake. The views name it by its absolute path.

    Returns:
        Names of the views: ``yellow_tripdata`` and so on, ``taxi_zones``.

    Raises:
        ArgumentError: DuckDB does not take the schema's name, or the file is no DuckDB file.
        LayoutError: Something of such a name is there that this function has not made. Nothing was changed.
        StorageFullError: There is no room for it.
        StoreAccessError: This user may not write there.
        StoreUnavailableError: Another process has the file open.
    """
    file, lake = file.absolute(), data_dir.lake.absolute()
    with disk_errors_explained(str(file), file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
    _write_empty_months(lake)
    with _opened(file) as connection:
        views = list(_views(schema, lake))
        connection.begin()
        _must_be_ours(connection, file, schema, views)
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}")
        for view in views:
            connection.execute(f"DROP VIEW IF EXISTS {view.quoted}")
            view.create(connection)
        connection.commit()
    return tuple(view.name for view in views)


def _views(schema: str, lake: Path) -> Iterator[View]:
    for dataset in DATASETS.values():
        files = parquet_scan(lake, pattern=f"clean/*/{dataset.table}_????-??.parquet", union_by_name=True)
        sql = columns_projection(dataset.table_columns, files)
        comment = f"{dataset.description} Months that come into the lake are seen at once. {MARK}"
        yield View(schema, dataset.table, comment, dataset.table_columns, sql)
    files = parquet_scan(lake, pattern=f"clean/*/{Path(ZONES_NAME).name}", union_by_name=True)
    comment = f"{TAXI_ZONES.description} {MARK}"
    sql = columns_projection(TAXI_ZONES.columns, files)
    yield View(schema, TAXI_ZONES.name, comment, TAXI_ZONES.columns, sql)


def _write_empty_months(lake: Path) -> None:
    """Files without rows that the patterns find too: DuckDB refuses a pattern that finds none, and takes columns there.

    They lie in a hidden folder beside the datasets', where nothing else looks.
    """
    wanted = {f"{dataset.table}_0000-00.parquet": dataset.table_columns for dataset in DATASETS.values()}
    wanted[Path(ZONES_NAME).name] = TAXI_ZONES.columns
    folder = lake / "clean" / ".empty"
    with disk_errors_explained(str(folder), lake.parent), duckdb.connect() as connection:
        for name, columns in wanted.items():
            nothing = ", ".join(f"CAST(NULL AS {each.type.duckdb}) AS {identifier(each.name)}" for each in columns)
            with published_atomically(folder / name) as partial:
                connection.execute(f"COPY (SELECT {nothing} WHERE false) TO {literal(str(partial))} (FORMAT parquet)")


def _must_be_ours(connection: duckdb.DuckDBPyConnection, file: Path, schema: str, views: list[View]) -> None:
    found = connection.execute(
        "SELECT view_name, coalesce(comment, '') FROM duckdb_views() "
        "WHERE database_name = current_database() AND schema_name = $schema "
        "UNION ALL SELECT table_name, '' FROM duckdb_tables() "
        "WHERE database_name = current_database() AND schema_name = $schema",
        {"schema": schema},
    ).fetchall()
    wanted = {view.name for view in views}
    theirs = sorted(name for name, comment in found if name in wanted and not comment.endswith(MARK))
    if theirs:
        raise LayoutError(
            f"{file}: {', '.join(f'{schema}.{name}' for name in theirs)} is there already and was not made by this "
            "command. Nothing was changed. Rename or drop it, or choose another schema"
        )


@contextmanager
def _opened(file: Path) -> Generator[duckdb.DuckDBPyConnection]:
    with disk_errors_explained(str(file), file.parent):
        try:
            # Attached: by its path DuckDB would hand out a connection that this process has open with other settings.
            with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
                connection.execute(f"ATTACH {literal(str(file))} AS {identifier(_ALIAS)}")
                connection.execute(f"USE {identifier(_ALIAS)}")
                yield connection
        except duckdb.Error as error:
            said = shown(str(error).partition("\n")[0])
            if is_full(error) or is_not_allowed(error):
                raise disk_error(str(file), file.parent, error, said) from error
            if "lock" in said.lower():
                raise StoreUnavailableError(
                    f"{file}: another process has it open ({said}). Nothing was changed; close it, then run again"
                ) from error
            raise ArgumentError(f"{file}: {said}. Nothing was changed") from error


_ALIAS = "theirs"
