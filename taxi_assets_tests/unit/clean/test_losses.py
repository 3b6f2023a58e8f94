"""What a month lost is counted, and what is too much is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import NotMaterializedError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.clean.rules.losses import find_losses
from taxi_assets.steps.files.clean_file import clean_on_disk
from taxi_assets.steps.sample.write import sample_format, write_sample_month
from taxi_assets_tests.support.raw_months import MONTH, csv_month, raw_file

HEADER = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,payment_type,fare_amount,"
    "total_amount"
)
GOOD = "1,2019-01-01 00:00:00,2019-01-01 00:10:00,2,1.5,1,7,9.5"
NO_FARE = GOOD.replace(",7,", ",seven,")
NO_PASSENGERS = GOOD.replace(",2,", ",,")
ODD_PASSENGERS = GOOD.replace(",2,", ",two,")


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.mark.parametrize(
    ("lines", "any_lost", "too_many"),
    [
        ([GOOD] * 200, False, []),
        ([*[GOOD] * 199, "bad"], True, []),
        ([*[GOOD] * 99, "bad"], True, []),
        ([*[GOOD] * 98, "bad", "bad"], True, ["more than 1% of the lines"]),
        # One alone says nothing of the file.
        ([*[GOOD] * 9, "bad"], True, []),
        ([*[GOOD] * 9, NO_FARE], True, []),
        ([*[GOOD] * 95, *[NO_FARE] * 5], True, []),
        ([*[GOOD] * 94, *[NO_FARE] * 6], True, ["more than 5% of fare_amount"]),
        # Two values in three of a column that hardly any trip fills.
        ([GOOD, *[ODD_PASSENGERS] * 2, *[NO_PASSENGERS] * 97], True, []),
        ([*[GOOD] * 50, *[ODD_PASSENGERS] * 3, *[NO_PASSENGERS] * 47], True, ["more than 5% of passenger_count"]),
        ([*[NO_FARE] * 10, "bad", "bad"], True, ["more than 1% of the lines", "more than 5% of fare_amount"]),
    ],
)
def test_losses_are_measured_against_lines_and_against_filled_columns(
    lines: list[str], any_lost: bool, too_many: list[str], data_dir: DataDir
) -> None:
    losses = find_losses(clean_month(csv_month(data_dir, "\n".join([HEADER, *lines, ""])), data_dir))
    assert (losses.any, losses.too_many) == (any_lost, too_many)


@pytest.mark.parametrize(("dataset", "month"), [("yellow", "2019-01"), ("fhv", "2019-01"), ("yellow", "2024-01")])
def test_a_sample_loses_a_little_and_not_too_much(dataset: str, month: str, data_dir: DataDir, tmp_path: Path) -> None:
    trip_month = TripMonth(dataset, month)
    file_format = sample_format(trip_month)
    path = tmp_path / f"{trip_month.stem}.{file_format}"
    write_sample_month(trip_month, path, 20_000)
    losses = find_losses(clean_month(raw_file(path, file_format, trip_month), data_dir))
    assert losses.any
    assert losses.too_many == []


def test_a_month_that_is_not_clean_has_no_losses_to_tell(data_dir: DataDir) -> None:
    with pytest.raises(NotMaterializedError, match="materialize clean/yellow_tripdata"):
        clean_on_disk(MONTH, data_dir)
    data_dir.clean(MONTH).parent.mkdir(parents=True)
    data_dir.clean(MONTH).write_bytes(b"not Parquet")
    with pytest.raises(NotMaterializedError, match="no clean file"):
        clean_on_disk(MONTH, data_dir)
