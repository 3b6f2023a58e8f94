"""Raw files of one's own making for tests of cleaning, and plain ways to look at what came of them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.files.formats import Format
from taxi_assets.steps.files.raw_file import PublishedFile, RawFile, of_month
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets.steps.raw.verify import verify

YELLOW_2019 = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,RatecodeID,store_and_fwd_flag,"
    "PULocationID,DOLocationID,payment_type,fare_amount,extra,mta_tax,tip_amount,tolls_amount,improvement_surcharge,"
    "total_amount,congestion_surcharge"
)
YELLOW_TRIP = "1,2019-01-01 00:46:40,2019-01-01 00:53:20,1,1.50,1,N,151,239,1,7,0.5,0.5,1.65,0,0.3,9.95,"
MONTH = TripMonth("yellow", "2019-01")


def raw_file(path: Path, file_format: Format, month: TripMonth = MONTH) -> RawFile:
    """What fetching would have told about the month's file that lies at ``path``."""
    return of_month(published_file(path, file_format), month)


def published_file(path: Path, file_format: Format) -> PublishedFile:
    """The same of a file that has no month."""
    contents = verify(path, file_format, path.name)
    return PublishedFile(
        path=path,
        source="a test",
        format=file_format,
        synthetic=False,
        bytes=contents.bytes,
        uncompressed_bytes=contents.uncompressed_bytes,
        sha256=contents.sha256,
        etag=None,
        last_modified=None,
        fetched_at="2026-01-01T00:00:00+00:00",
        published_rows=contents.published_rows,
        blank_lines=contents.blank_lines,
        utf8=contents.utf8,
    )


def csv_of_trips(trips: int, *, bad: int = 0) -> str:
    """Yellow trips that differ in what they cost, and lines that are none."""
    lines = [YELLOW_TRIP.replace("9.95", f"{number}.95") for number in range(trips)]
    return "\n".join([YELLOW_2019, *lines, *["bad"] * bad, ""])


def csv_month(data_dir: DataDir, text: str | bytes, month: TripMonth = MONTH, *, packed: bool = False) -> RawFile:
    """Publishes a text as the month's CSV."""
    content = text.encode() if isinstance(text, str) else text
    file_format: Format = "csv.gz" if packed else "csv"
    path = data_dir.raw_dir(month.dataset) / f"{month.stem}.{file_format}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return raw_file(path, file_format, month)


def parquet_month(data_dir: DataDir, table: pa.Table, month: TripMonth = MONTH) -> RawFile:
    """Publishes a table as the month's Parquet."""
    path = data_dir.raw_dir(month.dataset) / f"{month.stem}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return raw_file(path, "parquet", month)


def sample_file(folder: Path, dataset: str, month: str) -> Path:
    """A synthetic month as it would be published."""
    return fetch_month(TripMonth(dataset, month), "sample", DataDir(folder), sample_rows=60).raw.path


def rows(path: Path) -> list[dict[str, Any]]:
    """All rows of a Parquet file, in its order."""
    with duckdb.connect() as connection:
        result = connection.execute("SELECT * FROM read_parquet(?, hive_partitioning = false)", [glob_safe(path)])
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def glob_safe(path: Path) -> str:
    return str(path).replace("[", "[[]")


def told(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of a trip that are not NULL, without the month of the file."""
    return {name: value for name, value in row.items() if value is not None and name != "file_month"}


def names_in(folder: Path) -> list[str]:
    """What lies in a folder, but for the locks, which stay: a lock that is removed is one for nobody."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")
