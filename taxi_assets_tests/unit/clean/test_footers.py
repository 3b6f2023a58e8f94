"""By its footer every column of every clean file may hold NULLs, whatever is in it: months do not differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import parquet

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.sample.write import sample_format, write_sample_month
from taxi_assets_tests.support.raw_months import YELLOW_2019, YELLOW_TRIP, csv_month, raw_file


def required(path: Path) -> list[str]:
    schema = parquet.ParquetFile(path).schema
    columns = [schema.column(number) for number in range(len(schema))]
    return [column.name for column in columns if column.max_definition_level == 0]


@pytest.mark.parametrize("rejected_share", [0.0, 0.01], ids=["all sound", "some rejected"])
@pytest.mark.parametrize(
    ("dataset", "month"),
    [("yellow", "2019-01"), ("fhv", "2018-01"), ("green", "2020-06"), ("yellow", "2024-01"), ("fhvhv", "2024-01")],
)
def test_all_columns_are_optional(dataset: str, month: str, rejected_share: float, tmp_path: Path) -> None:
    trip_month = TripMonth(dataset, month)
    file_format = sample_format(trip_month)
    path = tmp_path / f"{trip_month.stem}.{file_format}"
    write_sample_month(trip_month, path, 2_000, rejected_share=rejected_share)
    clean = clean_month(raw_file(path, file_format, trip_month), DataDir(tmp_path / "data"))
    assert bool(clean.rejected_rows) == bool(rejected_share)
    assert required(clean.path) == []


def test_all_columns_are_optional_when_trips_were_salvaged(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path / "data")
    lost = YELLOW_TRIP.replace("151", "zone")
    clean = clean_month(csv_month(data_dir, f"{YELLOW_2019}\n{YELLOW_TRIP}\n{lost}\n"), data_dir)
    assert clean.unreadable == {"pulocationid": 1}
    assert required(clean.path) == []
