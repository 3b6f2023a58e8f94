"""dlt, with its fastest documented way into Postgres: Arrow tables from the CSV, Parquet files, ADBC's COPY.

Arrow tables skip dlt's row-by-row normalisation, and with the ADBC driver installed dlt loads Parquet files over
binary COPY. pyarrow's streaming CSV reader was faster than DuckDB's here, and dlt's CSV loader ten times slower.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from benchmarks.contenders.contender import load_modules
from benchmarks.rig.cost import stopwatch
from benchmarks.rig.job import Job

TABLE = "trips.yellow_tripdata"
_INTEGERS = ("VendorID", "passenger_count", "RatecodeID", "PULocationID", "DOLocationID", "payment_type")
_TIMES = ("tpep_pickup_datetime", "tpep_dropoff_datetime")
_NUMBERS = (
    "trip_distance", "fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge",
    "total_amount", "congestion_surcharge",
)  # fmt: skip
_BLOCK_BYTES = 16 << 20


def prepare() -> None:
    """Loads dlt and both drivers; sends nothing to anyone."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    load_modules(
        "dlt", "dlt.destinations.impl.postgres.factory", "adbc_driver_postgresql.dbapi", "psycopg2", "pyarrow.csv",
        "pyarrow.parquet",
    )  # fmt: skip


def run(job: Job, parts: dict[str, float]) -> None:
    """One month, appended."""
    import dlt
    from dlt.destinations import postgres

    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(job.scratch),
        destination=postgres(credentials=job.url_with_password),
        dataset_name="trips",
    )
    trips = dlt.resource(_tables(job), name="yellow_tripdata", write_disposition="append")
    with stopwatch(parts, "extract"):
        pipeline.extract(trips, loader_file_format="parquet")
    with stopwatch(parts, "normalize"):
        pipeline.normalize()
    with stopwatch(parts, "load"):
        pipeline.load()


def _tables(job: Job) -> Iterator[object]:
    import pyarrow as pa
    from pyarrow import csv

    types = {
        **dict.fromkeys(_INTEGERS, pa.int64()),
        **dict.fromkeys(_TIMES, pa.timestamp("us")),
        **dict.fromkeys(_NUMBERS, pa.float64()),
        "store_and_fwd_flag": pa.string(),
    }
    with csv.open_csv(
        job.csv,
        read_options=csv.ReadOptions(block_size=_BLOCK_BYTES),
        convert_options=csv.ConvertOptions(column_types=types),
    ) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])
