"""Columns as people's files have them: other tools' names, row labels, two spellings of one column, columns skipped."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS, TLC_URL
from taxi_assets.errors import LayoutError
from taxi_assets.orchestration.assets.metadata import clean_metadata
from taxi_assets.orchestration.checks.clean import contents_as_registered
from taxi_assets.steps.clean.clean import clean_month, content_id
from taxi_assets.steps.files.clean_file import CleanFile, read_clean
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets_tests.support.raw_months import MONTH, YELLOW_2019, YELLOW_TRIP, csv_month, parquet_month, rows, told

Publish = Callable[..., RawFile]
NAMES, VALUES = YELLOW_2019.split(","), YELLOW_TRIP.split(",")
FEE_MONTH = TripMonth("yellow", "2023-02")


def as_csv(data_dir: DataDir, names: list[str], lines: list[list[str]], month: TripMonth = MONTH) -> RawFile:
    return csv_month(data_dir, "\n".join(",".join(line) for line in [names, *lines]) + "\n", month)


def as_parquet(data_dir: DataDir, names: list[str], lines: list[list[str]], month: TripMonth = MONTH) -> RawFile:
    columns = [pa.array(list(column)) for column in zip(*lines, strict=True)]
    return parquet_month(data_dir, pa.Table.from_arrays(columns, names), month)


BOTH = pytest.mark.parametrize("publish", [as_csv, as_parquet])


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.fixture(scope="module")
def plain_trip(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The trip as it is read from TLC's own layout."""
    data_dir = DataDir(tmp_path_factory.mktemp("plain"))
    return told(rows(clean_month(as_csv(data_dir, NAMES, [VALUES]), data_dir).path)[0])


# Columns that are not the publisher's


@BOTH
@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ([""], ["column 1, which has no name"]),
        (["", ""], ["column 1, which has no name", "column 2, which has no name"]),
        (["Unnamed: 0"], ["Unnamed: 0"]),
        (["Unnamed: 0", "unnamed: 0.1"], None),
        (["index"], ["index"]),
        (["level_0", "level_1"], ["level_0", "level_1"]),
        (["__index_level_0__"], ["__index_level_0__"]),
        (["data_file_year", "data_file_month"], ["data_file_year", "data_file_month"]),
        (["puYear", "puMonth"], ["puYear", "puMonth"]),
        (["unique_row_id", "filename"], ["unique_row_id", "filename"]),
        (["file_month"], ["file_month"]),
    ],
)
def test_row_labels_and_nameless_columns_are_skipped_and_said(
    publish: Publish, extra: list[str], said: list[str] | None, plain_trip: dict[str, Any], data_dir: DataDir
) -> None:
    raw = publish(data_dir, [*extra, *NAMES], [[*"9" * len(extra), *VALUES]])
    if said is None:
        with pytest.raises(LayoutError, match=r"does not know 'unnamed: 0\.1'.*TAXI_IGNORE_COLUMNS=unnamed: 0\.1"):
            clean_month(raw, data_dir)
        return
    clean = clean_month(raw, data_dir)
    assert told(rows(clean.path)[0]) == plain_trip
    assert (clean.rows, clean.rejected_rows, clean.unreadable) == (1, 0, {})
    assert list(clean.skipped) == said
    assert read_clean(MONTH, data_dir) == clean
    assert clean_metadata(clean, DATASETS["yellow"], MONTH)["skipped columns"] == ", ".join(said)
    assert contents_as_registered(clean, DATASETS["yellow"]).figures["columns skipped"] == ", ".join(said)


@pytest.mark.parametrize(
    ("after_header", "after_lines"), [(",", ","), (",,", ",,"), (",", ""), ("", ","), (",", ",0"), (',""', ',""')]
)
def test_commas_at_the_ends_of_lines_name_no_column(
    after_header: str, after_lines: str, plain_trip: dict[str, Any], data_dir: DataDir
) -> None:
    text = f"{YELLOW_2019}{after_header}\r\n" + f"{YELLOW_TRIP}{after_lines}\r\n" * 3
    clean = clean_month(csv_month(data_dir, text), data_dir)
    assert [told(trip) for trip in rows(clean.path)] == [plain_trip] * 3
    assert clean.rejected_rows == 0


def test_what_is_skipped_is_said_in_the_log(data_dir: DataDir, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clean_month(as_csv(data_dir, ["", *NAMES], [["0", *VALUES]]), data_dir)
    assert "yellow 2019-01: columns that were not read: column 1, which has no name" in caplog.messages


# TAXI_IGNORE_COLUMNS


@BOTH
def test_columns_are_skipped_on_purpose_whatever_their_spelling(
    publish: Publish, plain_trip: dict[str, Any], data_dir: DataDir
) -> None:
    raw = publish(data_dir, ["TripID", *NAMES, "Weather"], [["7", *VALUES, "rain"]])
    with pytest.raises(LayoutError, match=r"'TripID', 'Weather'.*TAXI_IGNORE_COLUMNS=TripID,Weather"):
        clean_month(raw, data_dir)
    clean = clean_month(raw, data_dir, ignore=frozenset({"tripid", "weather", "neverthere"}))
    assert told(rows(clean.path)[0]) == plain_trip
    assert clean.skipped == ("TripID", "Weather")


@BOTH
def test_a_known_column_that_is_skipped_is_null_and_the_content_id_knows_it(
    publish: Publish, plain_trip: dict[str, Any], data_dir: DataDir
) -> None:
    raw = publish(data_dir, NAMES, [VALUES])
    first = clean_month(raw, data_dir)
    without = clean_month(raw, data_dir, ignore=frozenset({"extra"}))
    assert not without.unchanged
    assert told(rows(without.path)[0]) == {name: value for name, value in plain_trip.items() if name != "extra"}
    assert without.skipped == ("extra",)
    assert clean_month(raw, data_dir, ignore=frozenset({"extra"})).unchanged
    again = clean_month(raw, data_dir)
    assert (again.content_id, again.unchanged) == (first.content_id, False)


def test_ignoring_what_no_dataset_has_changes_no_content_id(data_dir: DataDir) -> None:
    raw = as_csv(data_dir, NAMES, [VALUES])
    assert content_id(raw, frozenset({"tripid"})) == content_id(raw)
    assert content_id(raw, frozenset({"triptype"})) == content_id(raw), "which only green has"
    assert content_id(raw, frozenset({"extra"})) != content_id(raw)


@pytest.mark.parametrize(
    ("source", "extra", "says", "says_not"),
    [
        (f"{TLC_URL}/trip-data/x.parquet", ["hover_fee"], "If TLC added a column, append it", "publisher's files"),
        (f"{TLC_URL}/trip-data/x.parquet", ["hover_fee", "drone"], "If TLC added columns, append", "publisher's files"),
        (f"{TLC_URL}/trip-data/x.parquet", ["a", "b", "c"], "skip them on purpose", "TLC added"),
        ("/home/me/trips/x.csv", ["hover_fee"], "skip it on purpose: TAXI_IGNORE_COLUMNS=hover_fee", "TLC added"),
    ],
)
def test_tlc_added_a_column_is_said_only_where_it_is_likely(
    source: str, extra: list[str], says: str, says_not: str, data_dir: DataDir
) -> None:
    raw = as_csv(data_dir, [*NAMES, *extra], [[*VALUES, *"9" * len(extra)]])
    with pytest.raises(LayoutError) as error:
        clean_month(replace(raw, source=source), data_dir)
    assert says in str(error.value)
    assert says_not not in str(error.value)


def test_a_header_without_end_makes_no_message_without_end(data_dir: DataDir) -> None:
    names = [f"{'x' * 300}\x00{number}" for number in range(200)]
    with pytest.raises(LayoutError) as error:
        clean_month(as_csv(data_dir, names, [["1"] * 200]), data_dir)
    assert len(str(error.value).replace(str(data_dir.root), "")) < 1_200
    assert str(error.value).isprintable()


# Names that other people's tools make

EXPORTS = {
    "Azure Open Datasets": "vendorID,tpepPickupDateTime,tpepDropoffDateTime,passengerCount,tripDistance,rateCodeId,"
    "storeAndFwdFlag,puLocationId,doLocationId,paymentType,fareAmount,extra,mtaTax,tipAmount,tollsAmount,"
    "improvementSurcharge,totalAmount,congestionSurcharge",
    "bigquery-public-data": "vendor_id,pickup_datetime,dropoff_datetime,passenger_count,trip_distance,rate_code,"
    "store_and_fwd_flag,pickup_location_id,dropoff_location_id,payment_type,fare_amount,extra,mta_tax,tip_amount,"
    "tolls_amount,imp_surcharge,total_amount,congestion_surcharge",
    "dlt and Mage": "vendor_id,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,ratecode_id,"
    "store_and_fwd_flag,pu_location_id,do_location_id,payment_type,fare_amount,extra,mta_tax,tip_amount,tolls_amount,"
    "improvement_surcharge,total_amount,congestion_surcharge",
    "a spreadsheet": YELLOW_2019.replace("_", " ").title(),
}


@BOTH
@pytest.mark.parametrize("header", EXPORTS.values(), ids=EXPORTS)
def test_names_of_well_known_exports_are_known(
    publish: Publish, header: str, plain_trip: dict[str, Any], data_dir: DataDir
) -> None:
    clean = clean_month(publish(data_dir, header.split(","), [VALUES]), data_dir)
    assert told(rows(clean.path)[0]) == plain_trip


def test_azure_s_names_of_green_and_fhv_are_known(data_dir: DataDir) -> None:
    green = "vendorID,lpepPickupDatetime,lpepDropoffDatetime,passengerCount,tripDistance,puLocationId,doLocationId,"
    green += "pickupLongitude,pickupLatitude,dropoffLongitude,dropoffLatitude,rateCodeID,storeAndFwdFlag,paymentType,"
    green += "fareAmount,extra,mtaTax,improvementSurcharge,tipAmount,tollsAmount,ehailFee,totalAmount,tripType,puYear"
    values = "2,2018-01-01 00:00:00,2018-01-01 00:09:00,1,1.5,74,42,,,,,1,N,1,7,0,0.5,0.3,0,0,,7.8,1,2018"
    month = TripMonth("green", "2018-01")
    trip = rows(clean_month(as_csv(data_dir, green.split(","), [values.split(",")], month), data_dir).path)[0]
    assert (trip["pulocationid"], trip["dolocationid"], trip["trip_type"], trip["mta_tax"]) == (74, 42, 1, 0.5)

    fhv = [
        "dispatchBaseNum",
        "pickupDateTime",
        "dropOffDateTime",
        "puLocationId",
        "doLocationId",
        "srFlag",
        "puYear",
        "puMonth",
    ]
    month = TripMonth("fhv", "2018-01")
    lines = [["B02510", "2018-01-01 00:00:00", "2018-01-01 00:09:00", "74", "42", "1", "2018", "1"]]
    trip = rows(clean_month(as_csv(data_dir, fhv, lines, month), data_dir).path)[0]
    assert (trip["dispatching_base_num"], trip["pulocationid"], trip["sr_flag"]) == ("B02510", 74, 1)


# Two columns that are one


def fees(clean: CleanFile) -> list[float | None]:
    return [trip["airport_fee"] for trip in sorted(rows(clean.path), key=lambda trip: trip["trip_distance"])]


@BOTH
@pytest.mark.parametrize(
    ("first", "second"), [("airport_fee", "Airport_fee"), ("Airport_fee", "airport_fee"), ("airport fee", "AirportFee")]
)
def test_of_two_columns_that_differ_in_spelling_the_filled_one_counts_and_a_contradiction_is_told(
    publish: Publish, first: str, second: str, data_dir: DataDir
) -> None:
    pairs = [("1.25", ""), ("", "1.75"), ("1.25", "1.25"), ("1.25", "1.250"), ("1.25", "5"), ("", ""), ("1.25", "x")]
    trips = [[*VALUES[:4], str(number), *VALUES[5:], *pair] for number, pair in enumerate(pairs)]
    clean = clean_month(publish(data_dir, [*NAMES, first, second], trips, FEE_MONTH), data_dir)
    assert fees(clean) == [1.25, 1.75, 1.25, 1.25, 1.25, None, 1.25]
    assert clean.unreadable == {"airport_fee": 2}


def test_two_columns_of_numbers_in_parquet_are_one_whatever_their_types(data_dir: DataDir) -> None:
    table: pa.Table = pa.table({name: [value] * 4 for name, value in zip(NAMES, VALUES, strict=True)})
    table = table.set_column(4, "trip_distance", pa.array([0.0, 1.0, 2.0, 3.0]))
    table = table.append_column("airport_fee", pa.array([1.25, None, 1.0, 2.0]))
    table = table.append_column("Airport_fee", pa.array([None, 5, 1, 7], pa.int64()))
    clean = clean_month(parquet_month(data_dir, table, FEE_MONTH), data_dir)
    assert fees(clean) == [1.25, 5.0, 1.0, 2.0]
    assert clean.unreadable == {"airport_fee": 1}


def test_a_rejected_row_shows_both_columns_under_their_own_names(data_dir: DataDir) -> None:
    pickup = NAMES.index("tpep_pickup_datetime")
    without = [*VALUES[:pickup], "", *VALUES[pickup + 1 :]]
    raw = as_parquet(
        data_dir, ["", *NAMES, "airport_fee", "Airport_fee"], [["0", *VALUES, "1", "1"], ["1", *without, "2", "3"]]
    )
    clean = clean_month(raw, data_dir)
    [row] = rows(clean.rejected_path)
    assert '"airport_fee":"2","Airport_fee":"3"' in row["line"]


def test_columns_may_be_called_like_anything_that_the_queries_use(
    plain_trip: dict[str, Any], data_dir: DataDir
) -> None:
    names = ["reason", "fields", "expected", "c0", "line", "n"]
    raw = as_parquet(data_dir, [*names, *NAMES], [["zzz"] * len(names) + VALUES])
    clean = clean_month(raw, data_dir, ignore=frozenset(names))
    assert told(rows(clean.path)[0]) == plain_trip
