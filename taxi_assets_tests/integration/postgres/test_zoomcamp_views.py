"""The ``zoomcamp`` views against the course's own table, built beside them from the same published file."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa
import pytest

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.steps.postgres.load import load_month
from taxi_assets.steps.postgres.tables import prepare_database
from taxi_assets_tests.support.clean_months import write_clean
from taxi_assets_tests.support.course import GREEN, YELLOW, fill_course_table

# A published file in the release's layout: empty fields, refunds, a distance below one, money with and without
# decimals, and one exact duplicate.
GREEN_FILE = """\
VendorID,lpep_pickup_datetime,lpep_dropoff_datetime,store_and_fwd_flag,RatecodeID,PULocationID,DOLocationID,\
passenger_count,trip_distance,fare_amount,extra,mta_tax,tip_amount,tolls_amount,ehail_fee,improvement_surcharge,\
total_amount,payment_type,trip_type,congestion_surcharge
2,2018-12-21 15:17:29,2018-12-21 15:18:57,N,1,264,264,5,.00,3,0.5,0.5,0,0,,0.3,4.3,2,1,
2,2019-01-01 00:10:16,2019-01-01 00:16:32,N,1,97,49,2,.86,6,0.5,0.5,0,0,,0.3,7.3,2,1,
2,2019-01-01 00:10:16,2019-01-01 00:16:32,N,1,97,49,2,.86,6,0.5,0.5,0,0,,0.3,7.3,2,1,
1,2019-01-01 00:41:05,2019-01-01 00:41:05,Y,5,265,265,0,0.0,-52.5,-0.5,-0.5,0,0,,-0.3,-53.8,3,2,0
,2019-01-31 23:59:59,2019-02-01 00:12:00,,,7,193,,1234567.125,14.33,0,0,0.01,6.12,,0,20.46,,,2.75
"""


def clean_of_csv(path: Path, dataset: Dataset, month: TripMonth) -> pa.Table:
    """The file as clean Parquet holds it, by plain casts: these files hold nothing that cleaning would refuse."""
    with duckdb.connect() as connection:
        present = connection.read_csv(str(path), all_varchar=True, strict_mode=False).columns
        known = {name.lower(): name for name in present}
        columns = ", ".join(
            f"DATE '{month.first_day}' AS file_month"
            if column.name == "file_month"
            else f"{known.get(column.name, 'NULL')}::{column.type.duckdb} AS {column.name}"
            for column in dataset.table_columns
        )
        return connection.sql(
            f"SELECT {columns} FROM read_csv('{path}', all_varchar=true, strict_mode=false)"
        ).to_arrow_table()


def assert_view_is_the_course_table(conninfo: str, dataset: Dataset) -> int:
    view = f"zoomcamp.{dataset.table}"
    columns = (
        "SELECT ordinal_position, column_name::text, data_type::text FROM information_schema.columns "
        "WHERE table_schema = %s AND table_name = %s ORDER BY 1"
    )
    with psycopg.connect(conninfo) as connection:
        course = connection.execute(columns, ["course", "trips"]).fetchall()
        assert connection.execute(columns, ["zoomcamp", dataset.table]).fetchall() == course
        for one, other in (("course.trips", view), (view, "course.trips")):
            missing = connection.execute(f"TABLE {one} EXCEPT ALL TABLE {other}".encode()).fetchall()
            assert missing == []
        [count] = connection.execute(f"SELECT count(*) FROM {view}".encode()).fetchone() or [None]
    assert isinstance(count, int)
    return count


def test_the_green_view_is_the_courses_table_row_by_row(postgres: str, tmp_path: Path) -> None:
    dataset, month = DATASETS["green"], TripMonth("green", "2019-01")
    file = tmp_path / "green_tripdata_2019-01.csv"
    file.write_text(GREEN_FILE)
    fill_course_table(postgres, "course.trips", month, GREEN, file.read_bytes())
    load_month(write_clean(tmp_path, month, clean_of_csv(file, dataset, month)), postgres)
    assert assert_view_is_the_course_table(postgres, dataset) == 5


@pytest.mark.parametrize("month", ["2019-01", "2019-02", "2020-03", "2020-04"])
def test_the_yellow_view_is_the_courses_table_row_by_row_on_real_trips(
    postgres: str, real_data: Path, tmp_path: Path, month: str
) -> None:
    dataset, trips = DATASETS["yellow"], TripMonth("yellow", month)
    text = gzip.decompress((real_data / "releases" / "yellow" / f"{trips.stem}.csv.gz").read_bytes())
    file = tmp_path / f"{trips.stem}.csv"
    file.write_bytes(text.replace(b"\r\n", b"\n"))
    fill_course_table(postgres, "course.trips", trips, YELLOW, text)
    load_month(write_clean(tmp_path, trips, clean_of_csv(file, dataset, trips)), postgres)
    assert assert_view_is_the_course_table(postgres, dataset) == 10_000


def test_the_views_know_each_months_file(postgres: str, tmp_path: Path) -> None:
    for month in (TripMonth("yellow", "2019-12"), TripMonth("yellow", "2020-01")):
        load_month(write_clean(tmp_path, month, 10), postgres)
    with psycopg.connect(postgres) as connection:
        found = connection.execute("SELECT filename, count(*) FROM zoomcamp.yellow_tripdata GROUP BY 1 ORDER BY 1")
        assert found.fetchall() == [("yellow_tripdata_2019-12.csv", 10), ("yellow_tripdata_2020-01.csv", 10)]


def test_only_the_courses_two_tables_have_a_view(postgres: str) -> None:
    prepare_database(postgres, DATASETS.values())
    with psycopg.connect(postgres) as connection:
        found = connection.execute("SELECT viewname::text FROM pg_views WHERE schemaname = 'zoomcamp' ORDER BY 1")
        assert found.fetchall() == [("green_tripdata",), ("yellow_tripdata",)]
