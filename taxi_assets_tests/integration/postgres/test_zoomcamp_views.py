"""The ``zoomcamp`` views against the course's own table, built beside them from the same published file."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import Dataset, arrow_schema
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.lake.lake import clean_name
from taxi_assets.steps.postgres.load import load_month
from taxi_assets.steps.postgres.tables import prepare_database
from taxi_assets.steps.postgres.zones import load_zones
from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse
from taxi_assets.steps.warehouse.warehouse import ZONES_NAME
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


@pytest.fixture
def both(postgres: str, tmp_path: Path) -> Callable[[TripMonth, pa.Table | int, str], None]:
    """Loads a month into Postgres and into a DuckDB warehouse, and compares what a query says in both."""
    data_dir = DataDir(tmp_path / "data")
    lake, warehouse = FolderLake(data_dir.lake), DuckDbWarehouse(data_dir.warehouse, data_dir.lake)

    def compare(month: TripMonth, rows: pa.Table | int, query: str) -> None:
        clean = write_clean(tmp_path, month, rows)
        load_month(clean, postgres)
        lake.put(clean.path, clean_name(month), metadata={})
        warehouse.refresh()
        with psycopg.connect(postgres) as server, duckdb.connect(str(data_dir.warehouse), read_only=True) as catalogue:
            in_postgres, in_duckdb = server.execute(query.encode()), catalogue.execute(query)
            names = [[column[0] for column in cursor.description or []] for cursor in (in_postgres, in_duckdb)]
            assert names[0] == names[1]
            found = sorted(in_postgres.fetchall(), key=repr)
            assert found
            assert sorted(in_duckdb.fetchall(), key=repr) == found

    return compare


def test_duckdb_has_the_courses_rows_and_ids_of_real_trips_too(both: Any, real_data: Path, tmp_path: Path) -> None:
    month = TripMonth("yellow", "2019-01")
    text = gzip.decompress((real_data / "releases" / "yellow" / f"{month.stem}.csv.gz").read_bytes())
    file = tmp_path / f"{month.stem}.csv"
    file.write_bytes(text.replace(b"\r\n", b"\n"))
    both(month, clean_of_csv(file, DATASETS["yellow"], month), "SELECT * FROM zoomcamp.yellow_tripdata")


@pytest.mark.parametrize("dataset", ["yellow", "green", "fhv"])
def test_duckdb_has_the_courses_rows_and_ids_of_odd_values_too(both: Any, dataset: str) -> None:
    both(TripMonth(dataset, "2020-02"), 500, f"SELECT * FROM zoomcamp.{dataset}_tripdata")


@pytest.mark.parametrize("dataset", DATASETS)
def test_tlcs_own_spelling_works_quoted_in_both(both: Any, dataset: str) -> None:
    zone = '"PUlocationID"' if dataset == "fhv" else '"PULocationID"'
    both(TripMonth(dataset, "2020-02"), 50, f"SELECT * FROM tlc.{dataset}_tripdata WHERE {zone} > 0")


def test_the_zones_stand_beside_them(postgres: str, tmp_path: Path) -> None:
    rows = [{"locationid": 4, "borough": "Manhattan", "zone": "Alphabet City", "service_zone": "Yellow Zone"}]
    parquet = tmp_path / "taxi_zone_lookup.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(TAXI_ZONES.columns)), parquet)
    load_zones(parquet, postgres)
    data_dir = DataDir(tmp_path / "data")
    FolderLake(data_dir.lake).put(parquet, ZONES_NAME, metadata={})
    DuckDbWarehouse(data_dir.warehouse, data_dir.lake).refresh()
    query = 'SELECT zones."LocationID", zones."Borough", zones."Zone" FROM tlc.zones'
    with psycopg.connect(postgres) as server, duckdb.connect(str(data_dir.warehouse), read_only=True) as catalogue:
        assert server.execute(query).fetchall() == [(4, "Manhattan", "Alphabet City")]
        assert catalogue.execute(query).fetchall() == [(4, "Manhattan", "Alphabet City")]


def test_a_view_that_somebody_else_made_stays_theirs(postgres: str, tmp_path: Path) -> None:
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE SCHEMA tlc")
        connection.execute("CREATE TABLE tlc.yellow_tripdata (mine int)")
        connection.execute("CREATE SCHEMA zoomcamp")
        connection.execute("CREATE VIEW zoomcamp.yellow_tripdata AS SELECT 1 AS mine")
    load_month(write_clean(tmp_path, TripMonth("yellow", "2019-12"), 10), postgres)
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT mine FROM zoomcamp.yellow_tripdata").fetchall() == [(1,)]
        assert connection.execute("SELECT mine FROM tlc.yellow_tripdata").fetchall() == []


def test_the_app_companies_have_no_view_of_the_course(postgres: str) -> None:
    prepare_database(postgres, DATASETS.values())
    with psycopg.connect(postgres) as connection:
        found = connection.execute("SELECT viewname::text FROM pg_views WHERE schemaname = 'zoomcamp' ORDER BY 1")
        assert found.fetchall() == [("fhv_tripdata",), ("green_tripdata",), ("yellow_tripdata",)]
