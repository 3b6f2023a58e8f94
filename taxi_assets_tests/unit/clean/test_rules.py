"""Oddities are counted as a person would count them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import BrokenFileError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.clean.rules.oddities import count_oddities
from taxi_assets.steps.clean.rules.rules import REJECT_RULES, odd_rules
from taxi_assets_tests.support.raw_months import MONTH, csv_month, raw_file

HEADER = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,RatecodeID,store_and_fwd_flag,"
    "PULocationID,DOLocationID,payment_type,fare_amount,total_amount"
)
SOUND = "1,2019-01-15 10:00:00,2019-01-15 10:10:00,1,1.5,1,N,151,239,1,7,9.95"


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


def test_names_of_rules_are_unique() -> None:
    names = [rule.name for rule in REJECT_RULES]
    assert len(names) == len(set(names))
    for dataset in DATASETS.values():
        odd = [rule.name for rule in odd_rules(dataset)]
        assert len(odd) == len(set(odd))
        assert "exact_duplicates" in odd


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({1: "2018-12-31 23:59:59"}, {"pickup_outside_month": 1}),
        ({1: "2019-02-01 00:00:00", 2: "2019-02-01 00:00:01"}, {"pickup_outside_month": 1}),
        ({1: "2019-01-31 23:59:59", 2: "2019-02-01 00:00:01"}, {}),
        ({1: "2098-01-01 00:00:00", 2: ""}, {"pickup_outside_month": 1}),
        ({2: "2019-01-15 10:00:00"}, {"dropoff_not_after_pickup": 1}),
        ({2: "2019-01-15 09:00:00"}, {"dropoff_not_after_pickup": 1}),
        ({2: ""}, {}),
        ({10: "-7", 11: "-9.95"}, {"negative_fare": 1, "negative_total": 1}),
        ({10: "0"}, {}),
        ({4: "0"}, {"no_distance": 1}),
        ({4: "-1"}, {"no_distance": 1}),
        ({4: ""}, {}),
        ({3: "0"}, {"no_passengers": 1}),
        ({3: ""}, {"passengers_missing": 1}),
        ({7: "264", 8: "265"}, {}),
        ({7: "0", 8: "266"}, {"unknown_pickup_zone": 1, "unknown_dropoff_zone": 1}),
        ({7: ""}, {}),
        ({0: "4"}, {"unlisted_vendorid": 1}),
        ({0: ""}, {}),
        ({5: "7"}, {"unlisted_ratecodeid": 1}),
        ({5: "99"}, {}),
        ({6: "*"}, {"unlisted_store_and_fwd_flag": 1}),
        ({9: "0"}, {}),
        ({9: "7"}, {"unlisted_payment_type": 1}),
    ],
)
def test_an_oddity_is_kept_and_counted(changes: dict[int, str], expected: dict[str, int], data_dir: DataDir) -> None:
    fields = SOUND.split(",")
    for place, value in changes.items():
        fields[place] = value
    clean = clean_month(csv_month(data_dir, f"{HEADER}\n{','.join(fields)}\n"), data_dir)
    counts = count_oddities(clean.path, MONTH)
    assert (clean.rows, clean.rejected_rows) == (1, 0)
    assert {name: count for name, count in counts.items() if count} == expected
    assert set(counts) == {rule.name for rule in odd_rules(DATASETS["yellow"])}


def test_duplicates_are_the_rows_beyond_the_first_of_equal_ones(data_dir: DataDir) -> None:
    other = SOUND.replace("9.95", "9.96")
    without_passengers = SOUND.replace(",1,1.5,", ",,1.5,")
    lines = [SOUND, other, SOUND, SOUND, without_passengers, without_passengers]
    clean = clean_month(csv_month(data_dir, "\n".join([HEADER, *lines, ""])), data_dir)
    assert count_oddities(clean.path, MONTH)["exact_duplicates"] == 3


def test_a_real_month_has_the_oddities_that_plain_sql_finds_in_it(real_data: Path, data_dir: DataDir) -> None:
    month = TripMonth("green", "2024-01")
    path = real_data / "tlc" / "green_tripdata_2024-01.parquet"
    counts = count_oddities(clean_month(raw_file(path, "parquet", month), data_dir).path, month)
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT count(*) FILTER (strftime(lpep_pickup_datetime, '%Y-%m') <> '2024-01'), "
            "count(*) FILTER (lpep_dropoff_datetime <= lpep_pickup_datetime), count(*) FILTER (fare_amount < 0), "
            "count(*) FILTER (trip_distance <= 0), count(*) FILTER (passenger_count = 0), "
            "count(*) FILTER (passenger_count IS NULL), count(*) - (SELECT count(*) FROM (SELECT DISTINCT * FROM t)) "
            "FROM read_parquet(?) AS t".replace("FROM t)", f"FROM '{path}')"),
            [str(path)],
        ).fetchall()[0]
    assert found == tuple(
        counts[name]
        for name in (
            "pickup_outside_month", "dropoff_not_after_pickup", "negative_fare", "no_distance", "no_passengers",
            "passengers_missing", "exact_duplicates",
        )
    )  # fmt: skip
    assert counts["pickup_outside_month"] > 0


def test_counting_in_a_file_that_is_not_parquet_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "yellow_tripdata_2019-01.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(BrokenFileError, match="yellow_tripdata_2019-01"):
        count_oddities(path, MONTH)
