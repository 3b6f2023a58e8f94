"""Real files of every era: each line is a trip, and the values are those that stand in the line."""

from __future__ import annotations

import csv
import gzip
import math
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import arrow_schema
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets.steps.sample.layouts import CSV_LAYOUTS, PARQUET_LAYOUTS
from taxi_assets_tests.support.first_trips import FIRST_TRIPS, FirstTrip
from taxi_assets_tests.support.raw_months import csv_month, raw_file, rows, told

RELEASES = ("2019-01", "2019-02", "2020-03", "2020-04")


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.mark.parametrize("first", FIRST_TRIPS, ids=lambda first: f"{first.dataset}-{first.month}")
def test_a_real_line_of_each_layout_becomes_the_trip_that_it_says(
    first: FirstTrip, real_data: Path, data_dir: DataDir
) -> None:
    month = TripMonth(first.dataset, first.month)
    path = real_data / "heads" / f"{month.stem}.csv"
    lines = [line for line in path.read_text().splitlines() if line]
    assert lines[1 + first.index] == first.line

    clean = clean_month(raw_file(path, "csv", month), data_dir)

    assert (clean.rows, clean.rejected_rows, clean.unreadable) == (len(lines) - 1, 0, {})
    trips = rows(clean.path)
    trip = told(trips[first.index])
    assert {name: str(value) if isinstance(value, datetime) else value for name, value in trip.items()} == first.values
    assert {trip["file_month"] for trip in trips} == {month.first_day}


def test_every_layout_has_its_real_line(real_data: Path) -> None:
    heads = {path.stem for path in (real_data / "heads").glob("*.csv")}
    assert heads == {f"{first.dataset}_tripdata_{first.month}" for first in FIRST_TRIPS}


@pytest.mark.slow
@pytest.mark.parametrize("month", RELEASES)
def test_a_release_keeps_every_cent_of_the_text(month: str, real_data: Path, data_dir: DataDir) -> None:
    path = real_data / "releases" / "yellow" / f"yellow_tripdata_{month}.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        published = [row for row in csv.DictReader(file) if any(row.values())]

    clean = clean_month(raw_file(path, "csv.gz", TripMonth("yellow", month)), data_dir)

    assert (clean.rows, clean.rejected_rows) == (len(published), 0) == (10_000, 0)
    trips = rows(clean.path)
    for column in ("total_amount", "tip_amount", "trip_distance"):
        assert math.fsum(trip[column] for trip in trips) == math.fsum(float(row[column]) for row in published)
    assert [str(trip["tpep_pickup_datetime"]) for trip in trips] == [row["tpep_pickup_datetime"] for row in published]
    assert [trip["pulocationid"] for trip in trips] == [int(row["PULocationID"]) for row in published]
    for column, name in (("passenger_count", "passenger_count"), ("congestion_surcharge", "congestion_surcharge")):
        assert sum(trip[column] is None for trip in trips) == sum(not row[name] for row in published)


def test_a_whole_month_of_tlc_parquet_keeps_every_row_and_sum(real_data: Path, data_dir: DataDir) -> None:
    path = real_data / "tlc" / "green_tripdata_2024-01.parquet"
    clean = clean_month(raw_file(path, "parquet", TripMonth("green", "2024-01")), data_dir)

    assert (clean.rows, clean.rejected_rows, clean.unreadable) == (56_551, 0, {})
    with duckdb.connect() as connection:
        published = connection.execute(
            "SELECT count(*), sum(total_amount), sum(trip_distance), sum(RatecodeID), sum(passenger_count), "
            "count(payment_type), min(lpep_pickup_datetime), max(lpep_dropoff_datetime), count(store_and_fwd_flag) "
            "FROM read_parquet(?)",
            [str(path)],
        ).fetchall()
        cleaned = connection.execute(
            "SELECT count(*), sum(total_amount), sum(trip_distance), sum(ratecodeid), sum(passenger_count), "
            "count(payment_type), min(lpep_pickup_datetime), max(lpep_dropoff_datetime), count(store_and_fwd_flag) "
            "FROM read_parquet(?)",
            [str(clean.path)],
        ).fetchall()
    assert cleaned == published


@pytest.mark.slow
def test_clean_files_of_all_eras_have_the_registry_s_schema_and_can_be_read_together(
    real_data: Path, data_dir: DataDir
) -> None:
    from pyarrow import parquet

    for first in FIRST_TRIPS:
        month = TripMonth(first.dataset, first.month)
        clean = clean_month(raw_file(real_data / "heads" / f"{month.stem}.csv", "csv", month), data_dir)
        expected = arrow_schema(DATASETS[first.dataset].table_columns)
        assert [(field.name, field.type) for field in parquet.read_schema(clean.path)] == [
            (field.name, field.type) for field in expected
        ]

    with duckdb.connect() as connection:
        eras = connection.execute(
            "SELECT year(file_month), count(*), count(pickup_longitude), count(pulocationid), round(sum(extra), 2) "
            "FROM read_parquet(?) GROUP BY ALL ORDER BY 1",
            [str(data_dir.root / "clean" / "yellow" / "*.parquet")],
        ).fetchall()
    assert eras == [
        (2009, 4, 4, 0, 1.5),
        (2010, 4, 4, 0, 2.5),
        (2014, 4, 4, 0, 0.0),
        (2015, 8, 8, 0, 4.5),
        (2016, 9, 0, 9, 1.0),
        (2017, 9, 0, 9, 2.0),
        (2019, 8, 0, 8, 3.0),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "month"), sorted({(layout.dataset, layout.first_month) for layout in (*CSV_LAYOUTS, *PARQUET_LAYOUTS)})
)
def test_every_layout_that_the_sample_source_writes_is_read(dataset: str, month: str, data_dir: DataDir) -> None:
    trip_month = TripMonth(dataset, month)
    raw = fetch_month(trip_month, "sample", data_dir, sample_rows=400).raw
    clean = clean_month(raw, data_dir)
    assert clean.rows + clean.rejected_rows == raw.published_rows
    assert clean.rows >= 390
    assert clean.unreadable == {}
    present = {name for trip in rows(clean.path) for name in told(trip)}
    assert set(DATASETS[dataset].essential) <= present


def test_a_re_issued_file_is_read_by_its_header_and_not_by_its_month(data_dir: DataDir) -> None:
    # fhv 2019 was published with six columns, then again with seven in another order.
    month = TripMonth("fhv", "2019-01")
    text = (
        "Affiliated_base_number,PUlocationID,DOlocationID,SR_Flag,dropOff_datetime,pickup_datetime,dispatching_base_num\n"
        "B02872,,265,1,3019-01-01 00:10:14,2019-01-01 00:02:43,B00037\n"
    )
    clean = clean_month(csv_month(data_dir, text, month), data_dir)
    assert told(rows(clean.path)[0]) == {
        "dispatching_base_num": "B00037",
        "pickup_datetime": datetime.fromisoformat("2019-01-01 00:02:43"),
        "dropoff_datetime": datetime.fromisoformat("3019-01-01 00:10:14"),
        "dolocationid": 265,
        "sr_flag": 1,
        "affiliated_base_number": "B02872",
    }


def test_words_of_every_era_become_the_same_codes(data_dir: DataDir) -> None:
    month = TripMonth("yellow", "2010-01")
    header = (
        "vendor_id,pickup_datetime,dropoff_datetime,passenger_count,trip_distance,rate_code,store_and_fwd_flag,"
        "payment_type,fare_amount,total_amount"
    )
    words = [
        ("CMT", "0", "CASH"), ("VTS", "1", "Credit"), ("DDS", "*", "No Charge"), ("1", "N", "Dispute"),
        ("2", "Y", "Cas"), ("cmt", "", "CRE"), ("VTS ", "0.0", "No "), ("4", "n", "CRD"), ("XYZ", "?", "DIS"),
        ("1.0", "N", "Barter"), ("", "1", "99"), ("CMT", " ", "2.0"), ("CMT", "N", "NA"), ("CMT", "N", "UNK"),
    ]  # fmt: skip
    text = header + "\n" + "".join(f"{v},2010-01-01 00:00:00,,1,1,1,{f},{p},1,1\n" for v, f, p in words)

    clean = clean_month(csv_month(data_dir, text, month), data_dir)

    trips = {
        (trip["vendorid"], trip["store_and_fwd_flag"], trip["payment_type"]): 1 for trip in rows(clean.path)
    }  # salvaged trips come last, so order is not compared
    assert trips.keys() == {
        (1, "N", 2), (2, "Y", 1), (3, "*", 3), (1, "N", 4), (2, "Y", 2), (1, None, 1), (2, "N", 3), (4, "N", 1),
        (None, "?", 4), (1, "N", None), (None, "Y", 99), (1, None, 2), (1, "N", 5),
    }  # fmt: skip
    assert clean.unreadable == {"vendorid": 1, "payment_type": 1}
    assert (clean.rows, clean.rejected_rows) == (14, 0)


def test_of_two_names_for_the_dispatching_base_the_filled_one_counts_and_a_contradiction_is_told(
    data_dir: DataDir,
) -> None:
    # fhv 2018 has both columns in every file.
    month = TripMonth("fhv", "2018-01")
    header = '"Pickup_DateTime","Dispatching_base_number","Dispatching_base_num"\r\n'
    lines = [("B1", ""), ("", "B2"), ("B3", "b3"), ("B4", "B5"), ("", "")]
    text = header + "".join(f'"2018-01-01 00:00:0{n}","{a}","{b}"\r\n' for n, (a, b) in enumerate(lines))

    clean = clean_month(csv_month(data_dir, text, month), data_dir)

    bases = {trip["pickup_datetime"].second: trip["dispatching_base_num"] for trip in rows(clean.path)}
    assert bases == {0: "B1", 1: "B2", 2: "B3", 3: "B4", 4: None}
    assert clean.unreadable == {"dispatching_base_num": 1}
