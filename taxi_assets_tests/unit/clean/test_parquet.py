"""TLC's Parquet files: types and names that change from month to month, and what cannot be read in them."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import BrokenFileError, LayoutError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.files.clean_file import CleanFile
from taxi_assets_tests.support.raw_months import MONTH, parquet_month, rows, told

PICKUP = datetime.fromisoformat("2019-01-01 00:46:40")
FAR = datetime.fromisoformat("3019-01-01 00:00:00")
DROPOFF = "tpep_dropoff_datetime"
TRIP: dict[str, pa.Array] = {
    "VendorID": pa.array([1], pa.int64()),
    "tpep_pickup_datetime": pa.array([PICKUP], pa.timestamp("us")),
    "tpep_dropoff_datetime": pa.array([PICKUP], pa.timestamp("us")),
    "passenger_count": pa.array([2.0], pa.float64()),
    "trip_distance": pa.array([1.5], pa.float64()),
    "payment_type": pa.array([1], pa.int64()),
    "fare_amount": pa.array([7.0], pa.float64()),
    "total_amount": pa.array([9.95], pa.float64()),
}


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


def cleaned(data_dir: DataDir, columns: dict[str, pa.Array], month: TripMonth = MONTH) -> CleanFile:
    raw = parquet_month(data_dir, pa.table(columns), month)
    clean = clean_month(raw, data_dir)
    assert clean.rows + clean.rejected_rows == raw.published_rows
    assert (len(rows(clean.path)), len(rows(clean.rejected_path))) == (clean.rows, clean.rejected_rows)
    return clean


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "array", "column", "value"),
    [
        ("passenger_count", pa.array([3], pa.int8()), "passenger_count", 3),
        ("passenger_count", pa.array([3.0], pa.float32()), "passenger_count", 3),
        ("passenger_count", pa.array(["3"]), "passenger_count", 3),
        ("passenger_count", pa.array([Decimal("3.00")]), "passenger_count", 3),
        ("passenger_count", pa.nulls(1), "passenger_count", None),
        ("congestion_surcharge", pa.nulls(1), "congestion_surcharge", None),
        ("airport_fee", pa.nulls(1, pa.float64()), "airport_fee", None),
        ("Airport_fee", pa.array([1.25]), "airport_fee", 1.25),
        ("cbd_congestion_fee", pa.array([0.75]), "cbd_congestion_fee", 0.75),
        ("request_source", pa.array(["HV0003"], pa.large_string()), "request_source", "HV0003"),
        ("store_and_fwd_flag", pa.array(["N"], pa.large_string()), "store_and_fwd_flag", "N"),
        ("store_and_fwd_flag", pa.array(["0"]), "store_and_fwd_flag", "N"),
        ("store_and_forward", pa.array([1.0]), "store_and_fwd_flag", "Y"),
        ("store_and_fwd_flag", pa.array([True]), "store_and_fwd_flag", "Y"),
        ("store_and_fwd_flag", pa.array([" "]), "store_and_fwd_flag", None),
        ("extra", pa.array([Decimal("0.50")]), "extra", 0.5),
        ("extra", pa.array([1], pa.int32()), "extra", 1.0),
        ("surcharge", pa.array([0.5]), "extra", 0.5),
        ("start_lon", pa.array([-73.99]), "pickup_longitude", -73.99),
        ("ratecodeid", pa.array([99.0]), "ratecodeid", 99),
        (DROPOFF, pa.array([PICKUP], pa.timestamp("ms")), DROPOFF, PICKUP),
        (DROPOFF, pa.array([PICKUP], pa.timestamp("ns")), DROPOFF, PICKUP),
        (DROPOFF, pa.array(["2019-01-01 00:46:40"]), DROPOFF, PICKUP),
        (DROPOFF, pa.array([date(3019, 1, 1)]), DROPOFF, FAR),
        (DROPOFF, pa.array([FAR], pa.timestamp("us")), DROPOFF, FAR),
        (DROPOFF, pa.nulls(1), DROPOFF, None),
        ("__index_level_0__", pa.array([17]), "vendorid", 1),
    ],
)  # fmt: skip
def test_a_column_is_read_whatever_type_and_name_it_arrives_with(
    name: str, array: pa.Array, column: str, value: object, data_dir: DataDir
) -> None:
    clean = cleaned(data_dir, {**TRIP, name: array})
    assert rows(clean.path)[0][column] == value
    assert (clean.rows, clean.unreadable) == (1, {})


def test_words_of_the_early_parquet_months_become_codes(data_dir: DataDir) -> None:
    early = {
        "vendor_name": pa.array(["VTS"]),
        "Trip_Pickup_DateTime": pa.array(["2009-01-04 02:52:00"]),
        "Trip_Dropoff_DateTime": pa.array(["2009-01-04 03:02:00"]),
        "Passenger_Count": pa.array([1], pa.int64()),
        "Trip_Distance": pa.array([2.63]),
        "Start_Lon": pa.array([-73.991957]),
        "Start_Lat": pa.array([40.721567]),
        "Rate_Code": pa.nulls(1, pa.float64()),
        "store_and_forward": pa.nulls(1, pa.float64()),
        "End_Lon": pa.array([-73.993803]),
        "End_Lat": pa.array([40.695922]),
        "Payment_Type": pa.array(["CASH"]),
        "Fare_Amt": pa.array([8.9]),
        "surcharge": pa.array([0.5]),
        "mta_tax": pa.nulls(1, pa.float64()),
        "Tip_Amt": pa.array([0.0]),
        "Tolls_Amt": pa.array([0.0]),
        "Total_Amt": pa.array([9.4]),
    }
    month = TripMonth("yellow", "2009-01")
    clean = cleaned(data_dir, early, month)
    assert told(rows(clean.path)[0]) == {
        "vendorid": 2,
        "tpep_pickup_datetime": datetime.fromisoformat("2009-01-04 02:52:00"),
        "tpep_dropoff_datetime": datetime.fromisoformat("2009-01-04 03:02:00"),
        "passenger_count": 1,
        "trip_distance": 2.63,
        "payment_type": 2,
        "fare_amount": 8.9,
        "extra": 0.5,
        "tip_amount": 0.0,
        "tolls_amount": 0.0,
        "total_amount": 9.4,
        "pickup_longitude": -73.991957,
        "pickup_latitude": 40.721567,
        "dropoff_longitude": -73.993803,
        "dropoff_latitude": 40.695922,
    }


@pytest.mark.parametrize(
    ("name", "array", "column"),
    [
        ("passenger_count", pa.array([1.5]), "passenger_count"),
        ("passenger_count", pa.array([float("nan")]), "passenger_count"),
        ("payment_type", pa.array([40_000], pa.int64()), "payment_type"),
        ("payment_type", pa.array(["Barter"]), "payment_type"),
        ("total_amount", pa.array([float("inf")]), "total_amount"),
        ("total_amount", pa.array([float("nan")]), "total_amount"),
        ("total_amount", pa.array(["1 USD"]), "total_amount"),
        (DROPOFF, pa.array(["soon"]), "tpep_dropoff_datetime"),
        ("store_and_fwd_flag", pa.array(["Y\x00"]), "store_and_fwd_flag"),
    ],
)
def test_an_optional_value_that_does_not_fit_becomes_null_and_is_counted(
    name: str, array: pa.Array, column: str, data_dir: DataDir
) -> None:
    clean = cleaned(data_dir, {**TRIP, name: array})
    assert rows(clean.path)[0][column] is None
    assert (clean.rows, clean.unreadable) == (1, {column: 1})


def test_rows_without_a_pickup_time_are_rejected_with_their_number_and_the_row_as_json(data_dir: DataDir) -> None:
    columns: dict[str, Any] = {name: pa.concat_arrays([array] * 5) for name, array in TRIP.items()}
    columns["tpep_pickup_datetime"] = pa.array([PICKUP, None, PICKUP, PICKUP, None], pa.timestamp("us"))
    columns["total_amount"] = pa.array([1.0, 2.0, 3.0, 4.0, 5.0])
    clean = cleaned(data_dir, columns)
    assert [trip["total_amount"] for trip in rows(clean.path)] == [1.0, 3.0, 4.0]
    rejected = rows(clean.rejected_path)
    assert [(row["line_number"], row["reason"]) for row in rejected] == [(2, "no_pickup_time"), (5, "no_pickup_time")]
    assert json.loads(rejected[1]["line"]) == {
        "VendorID": 1,
        "tpep_pickup_datetime": None,
        "tpep_dropoff_datetime": "2019-01-01 00:46:40",
        "passenger_count": 2.0,
        "trip_distance": 1.5,
        "payment_type": 1,
        "fare_amount": 7.0,
        "total_amount": 5.0,
    }


def test_a_pickup_that_is_text_and_no_time_is_rejected_for_that(data_dir: DataDir) -> None:
    columns: dict[str, Any] = {name: pa.concat_arrays([array] * 3) for name, array in TRIP.items()}
    columns["tpep_pickup_datetime"] = pa.array(["2019-01-01 00:00:00", "noon", " "])
    clean = cleaned(data_dir, columns)
    reasons = [row["reason"] for row in rows(clean.rejected_path)]
    assert (clean.rows, reasons) == (1, ["unreadable_pickup_time", "no_pickup_time"])


@pytest.mark.parametrize(
    ("name", "array", "arrives_as"),
    [
        ("tpep_pickup_datetime", pa.array([PICKUP], pa.timestamp("us", "UTC")), "TIMESTAMP WITH TIME ZONE"),
        ("tpep_pickup_datetime", pa.array([1_546_300_800], pa.int64()), "BIGINT"),
        ("total_amount", pa.array([[1.0]]), "DOUBLE[]"),
        ("passenger_count", pa.array([PICKUP], pa.timestamp("us")), "TIMESTAMP"),
    ],
)
def test_a_type_that_cannot_hold_a_column_stops_the_month(
    name: str, array: pa.Array, arrives_as: str, data_dir: DataDir
) -> None:
    with pytest.raises(LayoutError, match=name) as error:
        cleaned(data_dir, {**TRIP, name: array})
    assert arrives_as in str(error.value)
    assert not data_dir.clean(MONTH).exists()


def test_a_file_without_a_single_pickup_time_is_no_month(data_dir: DataDir) -> None:
    with pytest.raises(BrokenFileError, match="all 1 lines are rejected"):
        cleaned(data_dir, {**TRIP, "tpep_pickup_datetime": pa.nulls(1, pa.timestamp("us"))})
    assert not data_dir.clean(MONTH).exists()


def test_columns_in_another_order_and_case_give_the_same_trips(data_dir: DataDir) -> None:
    shuffled = {name.upper(): array for name, array in reversed(TRIP.items())}
    first = rows(cleaned(data_dir, TRIP).path)
    assert rows(cleaned(data_dir, shuffled).path) == first


def test_padded_base_numbers_of_fhv_lose_their_blanks(data_dir: DataDir) -> None:
    month = TripMonth("fhv", "2022-01")
    columns = {
        "dispatching_base_num": pa.array(["B00021         "]),
        "pickup_datetime": pa.array([PICKUP], pa.timestamp("us")),
        "dropOff_datetime": pa.array([PICKUP], pa.timestamp("us")),
        "PUlocationID": pa.array([None], pa.float64()),
        "DOlocationID": pa.array([265.0]),
        "SR_Flag": pa.nulls(1),
        "Affiliated_base_number": pa.array(["B00021         "]),
    }
    trip = told(rows(cleaned(data_dir, columns, month).path)[0])
    assert (trip["dispatching_base_num"], trip["affiliated_base_number"], trip["dolocationid"]) == (
        "B00021",
        "B00021",
        265,
    )
