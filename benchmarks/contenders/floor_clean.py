"""The floor of the clean step: one DuckDB statement from the published file to zstd Parquet, the types being known.

It takes the file's word for everything: no line is counted, checked or kept aside, and nothing is synced to disk.
"""

from __future__ import annotations

from benchmarks.contenders.contender import load_modules
from benchmarks.rig.job import Job

TABLE = None
_TYPES = {
    "VendorID": "SMALLINT",
    "tpep_pickup_datetime": "TIMESTAMP",
    "tpep_dropoff_datetime": "TIMESTAMP",
    "passenger_count": "SMALLINT",
    "trip_distance": "DOUBLE",
    "RatecodeID": "SMALLINT",
    "store_and_fwd_flag": "VARCHAR",
    "PULocationID": "SMALLINT",
    "DOLocationID": "SMALLINT",
    "payment_type": "SMALLINT",
    "fare_amount": "DOUBLE",
    "extra": "DOUBLE",
    "mta_tax": "DOUBLE",
    "tip_amount": "DOUBLE",
    "tolls_amount": "DOUBLE",
    "improvement_surcharge": "DOUBLE",
    "total_amount": "DOUBLE",
    "congestion_surcharge": "DOUBLE",
}


def prepare() -> None:
    """Loads the engine."""
    load_modules("duckdb", "taxi_assets.steps.files.sql")


def run(job: Job, parts: dict[str, float]) -> None:  # noqa: ARG001  # all contenders are called alike
    """One month to ``floor.parquet``."""
    import duckdb

    from taxi_assets.steps.files.sql import escape_glob, literal

    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _TYPES.items())
    source, target = literal(escape_glob(str(job.csv))), literal(str(job.scratch / "floor.parquet"))
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv({source}, auto_detect = false, header = true, delim = ',', quote = '\"', "
            f"escape = '\"', columns = {{{columns}}})) TO {target} (FORMAT parquet, COMPRESSION zstd)"
        )
