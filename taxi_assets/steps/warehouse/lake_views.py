"""The views of a DuckDB catalogue over a lake's Parquet: which there are, and their SQL.

Belongs here: views of trips, zones and marts, and those beside them, as DuckDB says them. Not here: the file that
holds them and how it is replaced (``duckdb_views.py``), and the versions of the lake's files (``versions.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from taxi_assets.datasets.columns import Column, Dataset
from taxi_assets.datasets.marts import MARTS, SCHEMA, TRIPS, TRIPS_DESCRIPTION, Mart
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS, TLC_DATASETS
from taxi_assets.datasets.spelling import ZONES_SPELLING, spelling_of
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.steps.files.sql import identifier, literal, parquet_scan
from taxi_assets.steps.views.beside import (
    TLC,
    TLC_COMMENT,
    ZONES,
    ZOOMCAMP,
    ZOOMCAMP_COMMENT,
    tlc_sql,
    tlc_zones_sql,
    zoomcamp_sql,
)
from taxi_assets.steps.views.render import HERE as VIEWS
from taxi_assets.steps.views.render import rendered
from taxi_assets.steps.warehouse.warehouse import ZONES_NAME

MAIN = "main"
"""DuckDB's own schema, where the tables of trips are."""

Take = Callable[[str], Sequence[Path]]
"""Gives the files that a view is to name for a pattern of names in the lake."""


@dataclass(frozen=True)
class View:
    """One view.

    Attributes:
        schema: Where it stands.
        name: Its name.
        comment: What it shows.
        columns: In its order; their descriptions become comments.
        sql: The SELECT.
    """

    schema: str
    name: str
    comment: str
    columns: tuple[Column, ...]
    sql: str

    @property
    def quoted(self) -> str:
        """``"marts"."trips"``."""
        return f"{identifier(self.schema)}.{identifier(self.name)}"

    def create(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Makes it in the database that the connection uses."""
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(self.schema)}")
        connection.execute(f"CREATE VIEW {self.quoted} AS {self.sql}")
        connection.execute(f"COMMENT ON VIEW {self.quoted} IS {literal(self.comment)}")
        for column in self.columns:
            on = f"{self.quoted}.{identifier(column.name)}"
            connection.execute(f"COMMENT ON COLUMN {on} IS {literal(column.full_description)}")


def create_views(connection: duckdb.DuckDBPyConnection, take: Take) -> None:
    """Creates all views of the warehouse in the database that the connection uses.

    Raises:
        duckdb.Error: A file cannot be read.
    """
    # Each view over views looks into the same footers again.
    connection.execute("SET parquet_metadata_cache = true")
    for view in _views(connection, take):
        view.create(connection)


def _views(connection: duckdb.DuckDBPyConnection, take: Take) -> Iterator[View]:
    """One after the other: the later ones name the earlier ones."""
    for dataset in DATASETS.values():
        files = take(f"clean/{dataset.name}/{dataset.table}_????-??.parquet")
        sql = projection(connection, dataset.table_columns, files)
        yield View(MAIN, dataset.table, _comment(dataset), dataset.table_columns, sql)
    sql = projection(connection, TAXI_ZONES.columns, take(ZONES_NAME))
    yield View(MAIN, TAXI_ZONES.name, TAXI_ZONES.description, TAXI_ZONES.columns, sql)
    for mart in MARTS.values():
        sql = mart_projection(mart, take(f"{mart_folder(mart)}/*.parquet"))
        yield View(SCHEMA, mart.name, mart.description, mart.columns, sql)
    yield from _beside()
    trips = "\nUNION ALL\n".join(
        trips_sql(dataset, f"{MAIN}.{identifier(dataset.table)}") for dataset in TLC_DATASETS.values()
    )
    yield View(SCHEMA, "trips", TRIPS_DESCRIPTION, TRIPS, typed(TRIPS, trips))


def _beside() -> Iterator[View]:
    """The course's tables, and TLC's spelling."""
    for dataset in TLC_DATASETS.values():
        source = f"{MAIN}.{identifier(dataset.table)}"
        course = zoomcamp_sql(dataset, "duckdb", source)
        if course is not None:
            yield View(ZOOMCAMP, dataset.table, ZOOMCAMP_COMMENT, (), course)
        spelled = tuple(replace(column, name=spelling_of(dataset)[column.name]) for column in dataset.table_columns)
        yield View(TLC, dataset.table, TLC_COMMENT, spelled, tlc_sql(dataset, source))
    spelled = tuple(replace(column, name=ZONES_SPELLING[column.name]) for column in TAXI_ZONES.columns)
    yield View(TLC, ZONES, TLC_COMMENT, spelled, tlc_zones_sql(f"{MAIN}.{identifier(TAXI_ZONES.name)}"))


def projection(connection: duckdb.DuckDBPyConnection, columns: Iterable[Column], files: Sequence[Path]) -> str:
    """SELECT of these columns, as people calculate with them, from Parquet files that may lack some of them."""
    source, present = _source(connection, files)
    selected = ",\n  ".join(_selected(column, present) for column in columns)
    return f"SELECT\n  {selected}\n{source}"


def columns_projection(columns: Iterable[Column], source: str) -> str:
    """The same from a source that has all of the columns; ``source`` stands after FROM."""
    selected = ",\n  ".join(_selected(column, None) for column in columns)
    return f"SELECT\n  {selected}\nFROM {source}"


def mart_projection(mart: Mart, files: Sequence[Path]) -> str:
    """The same for the parts of a mart, which all have the same columns: only the first is looked into."""
    names = frozenset(column.name for column in mart.columns) if files else frozenset[str]()
    selected = ",\n  ".join(_selected(column, names) for column in mart.columns)
    return f"SELECT\n  {selected}\n{f'FROM {parquet_scan(*files)}' if files else 'WHERE false'}"


def trips_sql(dataset: Dataset, source: str) -> str:
    """The trips of a dataset in the vocabulary of ``marts.trips``; ``source`` stands after its FROM."""
    return rendered(VIEWS / "marts" / f"{dataset.name}.sql", "duckdb", trips=source)


def typed(columns: Iterable[Column], sql: str) -> str:
    """A SELECT whose columns have the registry's types, in its order."""
    selected = ", ".join(_selected(column, None) for column in columns)
    return f"SELECT {selected} FROM (\n{sql}\n)"


def mart_folder(mart: Mart) -> str:
    """Where a mart's parts are in a lake: ``marts/zone_hours/<layout>``."""
    return f"{SCHEMA}/{mart.name}/{mart.layout}"


def mart_part_name(mart: Mart, month: TripMonth) -> str:
    """The object of a month of one service: ``marts/zone_hours/<layout>/yellow_zone_hours_2019-01.parquet``."""
    return f"{mart_folder(mart)}/{month.dataset}_{mart.name}_{month.month}.parquet"


def _source(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> tuple[str, frozenset[str]]:
    """The FROM clause over files, and the columns that at least one of them has."""
    if not files:
        return "WHERE false", frozenset()
    # By name: files that were cleaned before a column was known do not have it, and show NULL.
    source = f"FROM {parquet_scan(*files, union_by_name=True)}"
    described = connection.execute(f"DESCRIBE SELECT * {source}").fetchall()
    return source, frozenset(str(row[0]) for row in described)


def _selected(column: Column, present: frozenset[str] | None) -> str:
    name = identifier(column.name)
    found = present is None or column.name in present
    return f"CAST({name if found else 'NULL'} AS {column.type.to_query}) AS {name}"


def _comment(dataset: Dataset) -> str:
    return f"{dataset.description} A view over the lake: one Parquet file a month."
