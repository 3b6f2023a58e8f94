"""pandas, as the course's first module does it: ``read_csv`` in chunks of 100,000 rows, each appended by ``to_sql``."""

from __future__ import annotations

from benchmarks.contenders.contender import load_modules
from benchmarks.rig.job import Job

TABLE = "public.yellow_taxi_data"
_CHUNK_ROWS = 100_000
_TIMES = ["tpep_pickup_datetime", "tpep_dropoff_datetime"]


def prepare() -> None:
    """Loads pandas, SQLAlchemy and the driver that ``postgresql://`` stood for when the course was written."""
    load_modules("pandas", "sqlalchemy", "psycopg2")


def run(job: Job, parts: dict[str, float]) -> None:  # noqa: ARG001  # all contenders are called alike
    """The first ``job.rows`` trips of the month."""
    import pandas as pd
    import sqlalchemy

    engine = sqlalchemy.create_engine(job.url.replace("postgresql://", "postgresql+psycopg2://", 1))
    schema, table = TABLE.split(".")
    chunks = pd.read_csv(job.csv, nrows=job.rows, chunksize=_CHUNK_ROWS, parse_dates=_TIMES)
    for chunk in chunks:
        chunk.to_sql(table, engine, schema=schema, if_exists="append", index=False)
    engine.dispose()
