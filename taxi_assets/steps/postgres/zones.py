"""clean -> postgres for the zone lookup: ``public.taxi_zones``, replaced whole in one transaction.

Belongs here: the one small table without months. Not here: trips (``load.py``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from psycopg import sql

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONES, zone_columns
from taxi_assets.errors import CountMismatchError
from taxi_assets.steps.postgres.connection import connection
from taxi_assets.steps.postgres.database import Database, Schemas, TripsDatabase
from taxi_assets.steps.postgres.tables import ensure_schema, prepare_view, trusted
from taxi_assets.steps.views.beside import TLC, TLC_COMMENT, ZONES, tlc_zones_sql

if TYPE_CHECKING:
    from psycopg import Connection


def load_zones(parquet: Path, database: Database, *, application_name: str = "taxi_assets") -> int:
    """Makes ``public.taxi_zones`` hold the lookup; readers see the old rows or the new ones.

    Returns:
        Rows in the table.

    Raises:
        CountMismatchError: Another number of rows arrived; the old rows are still there.
        StoreUnavailableError: The database cannot be reached.
    """
    from pyarrow import parquet as pq

    rows = cast("Any", pq.read_table(parquet)).to_pylist()
    names = [column.name for column in TAXI_ZONES.columns]
    where = TripsDatabase.of(database)
    table, shown = where.schemas.table(TAXI_ZONES.name), where.schemas.text(TAXI_ZONES.name)
    with connection(where.conninfo, application_name=application_name) as server, server.transaction():
        ensure_schema(server, where.schemas.trips)
        _ensure_table(server, where.schemas)
        server.execute(sql.SQL("DELETE FROM {}").format(table))
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        with server.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN").format(table, columns)) as copy:
            for row in rows:
                copy.write_row([row[name] for name in names])
        loaded = _count(server, table)
        if loaded != len(rows):
            raise CountMismatchError(
                f"{shown}: {loaded} rows arrived of {len(rows)} in {parquet}; the old ones are still "
                f"there. Materialize postgres/{TAXI_ZONES.name} again"
            )
        zones = tlc_zones_sql(where.schemas.text(TAXI_ZONES.name))
        prepare_view(server, where.schemas, TLC, ZONES, TLC_COMMENT, zones)
    return loaded


def _ensure_table(server: Connection[Any], schemas: Schemas) -> None:
    table = schemas.table(TAXI_ZONES.name)
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(column.name), trusted(column.type.postgres))
        for column in TAXI_ZONES.columns
    ]
    server.execute(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))").format(
            table, sql.SQL(", ").join(columns), sql.Identifier(TAXI_ZONES.key)
        )
    )
    comment = sql.Literal(TAXI_ZONES.description)
    server.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, comment))
    for column in TAXI_ZONES.columns:
        place = sql.Identifier(schemas.trips, TAXI_ZONES.name, column.name)
        server.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(place, sql.Literal(column.description)))


def _count(server: Connection[Any], table: sql.Identifier) -> int:
    [count] = server.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone() or (0,)
    return int(count)


def count_unknown_zones(database: Database, month: TripMonth) -> dict[str, int] | None:
    """Trips of the month whose zones the lookup does not have, for the pickup's and the dropoff's column.

    Returns:
        None when ``public.taxi_zones`` is not there yet.
    """
    counts: dict[str, int] = {}
    where = TripsDatabase.of(database)
    schemas = where.schemas
    with connection(where.conninfo, application_name="taxi_assets zones") as server:
        if server.execute("SELECT to_regclass(%s)", [schemas.text(TAXI_ZONES.name)]).fetchone() == (None,):
            return None
        for column in zone_columns(DATASETS[month.dataset]):
            found = server.execute(
                sql.SQL(
                    "SELECT count(*) FROM {trips} t WHERE file_month = %s AND {column} IS NOT NULL "
                    "AND NOT EXISTS (SELECT FROM {zones} z WHERE z.{key} = t.{column})"
                ).format(
                    trips=schemas.table(month.table),
                    column=sql.Identifier(column),
                    zones=schemas.table(TAXI_ZONES.name),
                    key=sql.Identifier(TAXI_ZONES.key),
                ),
                [month.first_day],
            ).fetchone()
            counts[column] = int(found[0]) if found else 0
    return counts
