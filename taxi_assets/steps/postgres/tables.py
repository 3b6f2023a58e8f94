"""The tables and views of the trips database, derived from the registry.

Belongs here: DDL of the parent tables, their comments and index, the views beside them, and the names of a month's
partition. Not here: filling them (``load.py``), what the views say (``taxi_assets/steps/views``).

    public.yellow_tripdata                      PARTITION BY LIST (file_month), what people query
    partitions.yellow_tripdata_2019_01          one month of it; its comment says which file it holds
    partitions.yellow_tripdata_2019_01_loading_…  a month that is being loaded, not attached yet
    zoomcamp.yellow_tripdata                    the same trips as the course's table
    tlc.yellow_tripdata                         the same under TLC's own names: "PULocationID"

Another ``TAXI_POSTGRES_SCHEMA`` than ``public`` has schemas of its own (``database.py``); there is one ``zoomcamp``
and one ``tlc``.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg import sql

from taxi_assets.datasets.columns import Column, Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import TLC_DATASETS
from taxi_assets.errors import LayoutError, StoreAccessError
from taxi_assets.steps.postgres.connection import Connection, connection
from taxi_assets.steps.postgres.database import IN_PUBLIC, PUBLIC, Database, Schemas, TripsDatabase
from taxi_assets.steps.views.beside import TLC, TLC_COMMENT, ZOOMCAMP, ZOOMCAMP_COMMENT, tlc_sql, zoomcamp_sql

if TYPE_CHECKING:
    from typing_extensions import LiteralString

_LOADING = "_loading_"
_OLDEST_SERVER = 140000
"""PostgreSQL 14 is the first with minmax_multi indexes."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Names:
    """What the tables of a month are called."""

    month: TripMonth
    schemas: Schemas = IN_PUBLIC

    @property
    def parent(self) -> sql.Identifier:
        """``public.yellow_tripdata``."""
        return self.schemas.table(self.month.table)

    @property
    def table(self) -> str:
        """The same as text, for people and ``to_regclass``."""
        return self.schemas.text(self.month.table)

    @property
    def partition(self) -> str:
        """``yellow_tripdata_2019_01``, in the schema of partitions."""
        return self.month.stem.replace("-", "_")

    @property
    def shown_partition(self) -> str:
        """The same with its schema, for people."""
        return self.schemas.partition_text(self.partition)

    def loading(self, suffix: str) -> str:
        """The month's table while it is being filled: ``yellow_tripdata_2019_01_loading_1a2b3c4d``."""
        return f"{self.partition}{_LOADING}{suffix}"

    @property
    def lock(self) -> str:
        """What the advisory lock is taken on: its key is ``hashtextextended`` of this text."""
        return lock_text(self.schemas, self.partition)


def lock_text(schemas: Schemas, partition: str) -> str:
    """The text whose hash is the advisory lock of the month with that partition."""
    where = "" if schemas.trips == PUBLIC else f"{schemas.trips} "
    return f"taxi_assets {where}{partition}"


def trusted(text: str) -> sql.SQL:
    """Text that the registry or the server itself made, as SQL; never anything that came from outside."""
    return sql.SQL(cast("LiteralString", text))


def _pickup_index(dataset: Dataset) -> sql.Composable:
    """The BRIN index of pickup times: ``USING brin (tpep_pickup_datetime timestamp_minmax_multi_ops)``.

    minmax_multi keeps several ranges for each stretch of pages. A plain range is stretched by each trip whose clock was
    years off (yellow: six of a million): with ten of a million, a query for one day read 4,864 pages of 40,837, and
    2,944 with minmax_multi, which took 0.4 s a million rows longer to build.
    """
    return sql.SQL("USING brin ({} timestamp_minmax_multi_ops)").format(sql.Identifier(dataset.pickup))


def prepare_database(database: Database, datasets: Iterable[Dataset]) -> None:
    """Makes the tables and views of the datasets, or brings older ones up to the registry. Safe to run at any time.

    New registry columns are added to the parent and through it to every month, where they are NULL. Comments follow
    the registry. Tables that a killed load left behind are dropped.

    Raises:
        LayoutError: A table of that name exists that is not ours, or a column has another type.
        StoreAccessError: The server is older than PostgreSQL 14, or the user lacks a right.
        StoreUnavailableError: The server cannot be reached, or somebody holds the table for long.
    """
    where = TripsDatabase.of(database)
    with connection(where.conninfo, application_name="taxi_assets prepare") as server:
        prepare(server, where.schemas, datasets)
        drop_leftovers(server, where.schemas)


def prepare(server: Connection, schemas: Schemas, datasets: Iterable[Dataset]) -> None:
    """:func:`prepare_database` over an open connection in autocommit mode, without dropping leftovers."""
    if server.info.server_version < _OLDEST_SERVER:
        raise StoreAccessError(
            f"{server.info.host}: PostgreSQL {server.info.parameter_status('server_version')} is too old; 14 or newer "
            "is needed. Point TAXI_POSTGRES_URL at a newer server, or unset it to use the embedded one"
        )
    with server.transaction():
        # Two processes that find nothing would both make it.
        server.execute("SELECT pg_advisory_xact_lock(hashtextextended('taxi_assets prepare', 0))")
        # Everybody else waits behind this for as long as it waits.
        server.execute("SET LOCAL lock_timeout = '3s'")
        for dataset in datasets:
            _prepare_table(server, schemas, dataset)
            _prepare_views(server, schemas, dataset)


def parent_indexes(server: Connection, names: Names) -> dict[str, str]:
    """The indexes that a month needs before it is attached: ours, and those that people have added to the parent.

    ATTACH would build a missing one itself, while readers wait. Unique ones cannot be (they would need ``file_month``).

    Returns:
        For each the end of its name and its definition from ``USING`` on:
        ``{"pickup": "USING brin (tpep_pickup_datetime timestamp_minmax_multi_ops)"}``.
    """
    rows = server.execute(
        "SELECT c.relname, ltrim(substring(pg_get_indexdef(i.indexrelid) FROM ' USING .*')) FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass(%s) AND NOT i.indisunique",
        [names.table],
    ).fetchall()
    return {str(name).removeprefix(f"{names.month.table}_"): str(definition) for name, definition in rows}


def drop_leftovers(server: Connection, schemas: Schemas) -> None:
    """Drops the loading tables that no living load owns, which is told by their month's advisory lock."""
    names = server.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind = 'r' "
        "AND strpos(relname, %s) > 0 AND NOT relispartition",
        [schemas.partitions, _LOADING],
    ).fetchall()
    for (name,) in names:
        text = lock_text(schemas, str(name).split(_LOADING, maxsplit=1)[0])
        if not _fetch_value(server, "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", text):
            continue
        try:
            with server.transaction():
                server.execute("SET LOCAL lock_timeout = '2s'")
                server.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(schemas.partition(name)))
            logger.info("Dropped %s, which a load that was killed left behind", schemas.partition_text(name))
        except psycopg.errors.LockNotAvailable:
            logger.info("%s is held by a load that is ending; a later run drops it", schemas.partition_text(name))
        finally:
            server.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [text])


def _prepare_table(server: Connection, schemas: Schemas, dataset: Dataset) -> None:
    table, shown = schemas.table(dataset.table), schemas.text(dataset.table)
    ensure_schema(server, schemas.trips)
    ensure_schema(server, schemas.partitions)
    kind = _fetch_value(server, "SELECT relkind::text FROM pg_class WHERE oid = to_regclass(%s)", shown)
    if kind is None:
        columns = sql.SQL(", ").join(_column_ddl(column) for column in dataset.table_columns)
        server.execute(sql.SQL("CREATE TABLE {} ({}) PARTITION BY LIST (file_month)").format(table, columns))
        name = sql.Identifier(f"{dataset.table}_pickup")
        server.execute(sql.SQL("CREATE INDEX {} ON {} {}").format(name, table, _pickup_index(dataset)))
    elif kind != "p":
        raise LayoutError(
            f"{shown} exists and is not partitioned by file_month: something else made it (the course's own flow?). It "
            "is left as it is. Set TAXI_POSTGRES_SCHEMA=taxi, or another name, and the trips go into a schema beside it"
        )
    else:
        _add_columns(server, dataset, table, shown)
    _comment(server, schemas, dataset)


def _add_columns(server: Connection, dataset: Dataset, table: sql.Identifier, shown: str) -> None:
    found = dict(
        server.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            [shown],
        ).fetchall()
    )
    for column in dataset.table_columns:
        there = found.get(column.name)
        if there is None:
            logger.info("Adding the new column %s to %s", column.name, shown)
            server.execute(sql.SQL("ALTER TABLE {} ADD COLUMN {}").format(table, _column_ddl(column)))
        elif there.removesuffix(" without time zone") != column.type.postgres:
            raise LayoutError(
                f"{shown}.{column.name} is {there} and should be {column.type.postgres}; it is left as it is. "
                "Drop the table and materialize its months again, or ALTER the column"
            )


def _column_ddl(column: Column) -> sql.Composable:
    null = sql.SQL(" NOT NULL") if column.required else sql.SQL("")
    return sql.SQL("{} {}{}").format(sql.Identifier(column.name), trusted(column.type.postgres), null)


def _comment(server: Connection, schemas: Schemas, dataset: Dataset) -> None:
    """Comments where they differ: COMMENT takes a lock that loads would wait for."""
    table = schemas.table(dataset.table)
    found = dict(
        server.execute(
            "SELECT coalesce(a.attname, ''), d.description FROM pg_description d LEFT JOIN pg_attribute a "
            "ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0 "
            "WHERE d.classoid = 'pg_class'::regclass AND d.objoid = to_regclass(%s)",
            [schemas.text(dataset.table)],
        ).fetchall()
    )
    if found.get("") != dataset.description:
        server.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(dataset.description)))
    for column in dataset.table_columns:
        if found.get(column.name) != column.full_description:
            place = sql.Identifier(schemas.trips, dataset.table, column.name)
            text = sql.Literal(column.full_description)
            server.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(place, text))


def _prepare_views(server: Connection, schemas: Schemas, dataset: Dataset) -> None:
    table = schemas.text(dataset.table)
    course = zoomcamp_sql(dataset, "postgres", table)
    if course is not None:
        prepare_view(server, schemas, ZOOMCAMP, dataset.table, ZOOMCAMP_COMMENT, course)
    if dataset.name in TLC_DATASETS:
        prepare_view(server, schemas, TLC, dataset.table, TLC_COMMENT, tlc_sql(dataset, table))


def prepare_view(server: Connection, schemas: Schemas, schema: str, name: str, said: str, select: str) -> None:
    """Makes a view beside our tables, or brings it up to date; what somebody else made under its name stays.

    Args:
        server: An open connection.
        schemas: Where our tables are.
        schema: The view's.
        name: The view's.
        said: What its comment begins with, by which it is known as ours.
        select: What it shows.
    """
    view = f"{schema}.{name}"
    comment = f"{said} (definition {hashlib.sha256(select.encode()).hexdigest()[:12]})"
    found = _fetch_value(server, "SELECT obj_description(to_regclass(%s), 'pg_class')", view)
    if found == comment:
        return
    others = _schema_read_by(server, view)
    if others not in (None, schemas.trips):
        logger.warning(
            "%s shows the trips in the schema %s, and stays so; drop that view, and the next load makes it show the "
            "schema %s", view, others, schemas.trips,
        )  # fmt: skip
        return
    if not (found or "").startswith(said) and _fetch_value(server, "SELECT to_regclass(%s)::text", view) is not None:
        logger.warning("%s is somebody else's and stays as it is; drop or rename it to get the view of that name", view)
        return
    ensure_schema(server, schema)
    identifier = sql.Identifier(schema, name)
    # Of our own names and texts alone.
    text: sql.Composable = trusted(select)
    old = _columns_of(server, sql.SQL("TABLE {}").format(identifier)) if found else []
    if old:
        # A view that is replaced keeps its columns in their places, and new ones come last; then what people have built
        # on it, and whom they let read it, stay.
        new = [name for name in _columns_of(server, text) if name not in old]
        text = sql.SQL("SELECT {} FROM ({}) AS view").format(
            sql.SQL(", ").join(map(sql.Identifier, [*old, *new])), text
        )
    server.execute(sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(identifier, text))
    server.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(identifier, sql.Literal(comment)))


def _columns_of(server: Connection, query: sql.Composable) -> list[str]:
    described = server.execute(sql.SQL("SELECT * FROM ({}) AS asked LIMIT 0").format(query)).description
    return [column.name for column in described or ()]


def _schema_read_by(server: Connection, view: str) -> str | None:
    """The schema of the table that a view reads; None when there is no such view."""
    return _fetch_value(
        server,
        "SELECT n.nspname::text FROM pg_rewrite r "
        "JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid "
        "JOIN pg_class c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid AND c.oid <> r.ev_class "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE r.ev_class = to_regclass(%s) LIMIT 1",
        view,
    )


def ensure_schema(server: Connection, name: str) -> None:
    """Makes a schema unless it exists."""
    # Asked first: CREATE SCHEMA IF NOT EXISTS wants the right to make one even where it exists.
    if _fetch_value(server, "SELECT to_regnamespace(quote_ident(%s))::text", name) is None:
        server.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))


def _fetch_value(server: Connection, query: Any, *parameters: object) -> Any:
    row = server.execute(query, parameters).fetchone()
    return row[0] if row else None
