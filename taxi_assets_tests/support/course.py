"""The tables that the course's own Postgres flow builds, built as it builds them: for what is compared with them."""

from __future__ import annotations

import psycopg
from psycopg import sql

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS

# The course's flow reads the CSV into these columns, then computes the first two. Its names are unquoted.
YELLOW = """
    unique_row_id text, filename text, VendorID text, tpep_pickup_datetime timestamp, tpep_dropoff_datetime timestamp,
    passenger_count integer, trip_distance double precision, RatecodeID text, store_and_fwd_flag text,
    PULocationID text, DOLocationID text, payment_type integer, fare_amount double precision, extra double precision,
    mta_tax double precision, tip_amount double precision, tolls_amount double precision,
    improvement_surcharge double precision, total_amount double precision, congestion_surcharge double precision
"""
GREEN = """
    unique_row_id text, filename text, VendorID text, lpep_pickup_datetime timestamp, lpep_dropoff_datetime timestamp,
    store_and_fwd_flag text, RatecodeID text, PULocationID text, DOLocationID text, passenger_count integer,
    trip_distance double precision, fare_amount double precision, extra double precision, mta_tax double precision,
    tip_amount double precision, tolls_amount double precision, ehail_fee double precision,
    improvement_surcharge double precision, total_amount double precision, payment_type integer, trip_type integer,
    congestion_surcharge double precision
"""
HASH = """
    UPDATE {table} SET filename = {file}, unique_row_id = md5(
        COALESCE(CAST(VendorID AS text), '') || COALESCE(CAST({pickup} AS text), '') ||
        COALESCE(CAST({dropoff} AS text), '') || COALESCE(PULocationID, '') || COALESCE(DOLocationID, '') ||
        COALESCE(CAST(fare_amount AS text), '') || COALESCE(CAST(trip_distance AS text), ''))
"""


def fill_course_table(conninfo: str, table: str, month: TripMonth, columns: str, csv: bytes, owner: str = "") -> None:
    """Makes ``schema.table`` and fills it with a published CSV file.

    Args:
        conninfo: The database.
        table: With its schema, which is made when it is missing.
        month: Of the file.
        columns: :data:`YELLOW` or :data:`GREEN`.
        csv: The file's contents, not compressed.
        owner: The role that the table belongs to; without one, whoever connects.
    """
    schema, name = table.split(".")
    identifier, dataset = sql.Identifier(schema, name), DATASETS[month.dataset]
    header, _, lines = csv.partition(b"\n")
    with psycopg.connect(conninfo) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        cursor.execute(f"CREATE TABLE {table} ({columns})".encode())
        with cursor.copy(f"COPY {table} ({header.decode().strip()}) FROM STDIN WITH (FORMAT csv)".encode()) as copy:
            # Two of the real samples mix CRLF and LF lines, which COPY refuses within one file.
            copy.write(lines.replace(b"\r\n", b"\n"))
        cursor.execute(
            sql.SQL(HASH).format(
                table=identifier,
                file=sql.Literal(f"{month.stem}.csv"),
                pickup=sql.Identifier(dataset.pickup),
                dropoff=sql.Identifier(dataset.dropoff),
            )
        )
        if owner:
            cursor.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(identifier, sql.Identifier(owner)))
