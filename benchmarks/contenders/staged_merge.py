"""The algorithm of the course's Postgres flow: CSV into a staging table, a row id by UPDATE, then MERGE.

Written here from its description; column types, the seven columns of the md5 and the absence of an index are the
course's. Its orchestrator's own cost is not counted.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.contenders.contender import load_modules
from benchmarks.rig.cost import stopwatch
from benchmarks.rig.job import Job

TABLE = "public.yellow_tripdata"
STAGING = "public.yellow_tripdata_staging"

_COLUMNS = {
    "vendorid": "text",
    "tpep_pickup_datetime": "timestamp",
    "tpep_dropoff_datetime": "timestamp",
    "passenger_count": "integer",
    "trip_distance": "double precision",
    "ratecodeid": "text",
    "store_and_fwd_flag": "text",
    "pulocationid": "text",
    "dolocationid": "text",
    "payment_type": "integer",
    "fare_amount": "double precision",
    "extra": "double precision",
    "mta_tax": "double precision",
    "tip_amount": "double precision",
    "tolls_amount": "double precision",
    "improvement_surcharge": "double precision",
    "total_amount": "double precision",
    "congestion_surcharge": "double precision",
}
_IDENTITY = (
    "vendorid", "tpep_pickup_datetime", "tpep_dropoff_datetime", "pulocationid", "dolocationid", "fare_amount",
    "trip_distance",
)  # fmt: skip
_ALL = ("unique_row_id", "filename", *_COLUMNS)
_DDL = ", ".join(["unique_row_id text", "filename text", *(f"{name} {kind}" for name, kind in _COLUMNS.items())])
_ROW_ID = "md5(" + " || ".join(f"coalesce(cast({name} AS text), '')" for name in _IDENTITY) + ")"
_MERGE = (
    f"MERGE INTO {TABLE} AS t USING {STAGING} AS s ON t.unique_row_id = s.unique_row_id "
    f"WHEN NOT MATCHED THEN INSERT ({', '.join(_ALL)}) VALUES ({', '.join(f's.{name}' for name in _ALL)})"
)
_CHUNK_BYTES = 1 << 20


def prepare() -> None:
    """Loads the driver."""
    load_modules("psycopg")


def run(job: Job, parts: dict[str, float]) -> None:
    """One month; every statement commits by itself, as tasks of a flow do."""
    import psycopg

    text = job.scratch / job.csv.stem
    with stopwatch(parts, "gunzip"), text.open("wb") as unpacked:
        subprocess.run(["gunzip", "-c", str(job.csv)], stdout=unpacked, check=True)
    with psycopg.connect(job.conninfo, autocommit=True, application_name="staged merge") as server:
        for table in (TABLE, STAGING):
            server.execute(f"CREATE TABLE IF NOT EXISTS {table} ({_DDL})")
        server.execute(f"TRUNCATE {STAGING}")
        with stopwatch(parts, "copy"):
            _copy(server, text)
        with stopwatch(parts, "update"):
            server.execute(f"UPDATE {STAGING} SET unique_row_id = {_ROW_ID}, filename = %s", [text.name])
        with stopwatch(parts, "merge"):
            server.execute(_MERGE)
    text.unlink()


def _copy(server: object, text: Path) -> None:
    import psycopg

    assert isinstance(server, psycopg.Connection)
    statement = f"COPY {STAGING} ({', '.join(_COLUMNS)}) FROM STDIN WITH (FORMAT csv, HEADER true)"
    with text.open("rb") as file, server.cursor() as cursor, cursor.copy(statement) as copy:
        while chunk := file.read(_CHUNK_BYTES):
            copy.write(chunk)


def multiply(conninfo: str, months: int) -> None:
    """Makes the table as large as if ``months`` more months had been merged: the staged rows again, under other ids.

    Merging them one by one would take half an hour and leave the same table. It is vacuumed, so that autovacuum does
    not come upon 36 months at once while others are being measured.
    """
    import psycopg

    others = ", ".join(_ALL[1:])
    with psycopg.connect(conninfo, autocommit=True) as server:
        for _ in range(months):
            server.execute(
                f"INSERT INTO {TABLE} (unique_row_id, {others}) SELECT gen_random_uuid()::text, {others} FROM {STAGING}"
            )
        server.execute(f"VACUUM (ANALYZE) {TABLE}")
