"""A data folder may be called anything: its name is neither data nor a pattern, in any layer of the local target."""

from __future__ import annotations

import pyarrow as pa
import pytest

import taxi_assets
from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.orchestration.assets.metadata import preview
from taxi_assets.orchestration.assets.pictures import trips_by_day_and_hour
from taxi_assets.orchestration.checks.clean import accounted_for, contents_as_registered, oddities
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.files.clean_file import total_of
from taxi_assets.steps.files.raw_file import RawFile, manifest_path, manifest_text
from taxi_assets.steps.lake.copy import copy_month
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse
from taxi_assets.steps.warehouse.load import load_month
from taxi_assets_tests.support.raw_months import MONTH, YELLOW_2019, YELLOW_TRIP, csv_month, parquet_month

REJECTED = "1,no time" + "," * 16
FOLDERS = ("env=prod", "vendorid=9", "file_month=2001-01-01/total_amount=-5", "data [1]", "*?[a-z]")


def _csv(data_dir: DataDir) -> RawFile:
    return csv_month(data_dir, "\n".join([YELLOW_2019, YELLOW_TRIP, REJECTED, YELLOW_TRIP, ""]))


def _parquet(data_dir: DataDir) -> RawFile:
    names, values = YELLOW_2019.split(","), YELLOW_TRIP.split(",")
    columns = {name: pa.array([value, value]) for name, value in zip(names, values, strict=True)}
    return parquet_month(data_dir, pa.table(columns))


@pytest.mark.parametrize("publish", [_csv, _parquet])
@pytest.mark.parametrize("name", FOLDERS)
def test_a_month_comes_through_every_layer_as_it_was_published(
    publish: type, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data_dir = DataDir(tmp_path_factory.mktemp("months") / name)
    raw = publish(data_dir)
    manifest_path(data_dir.raw_dir("yellow"), MONTH.stem).write_text(manifest_text(raw))
    clean = clean_month(raw, data_dir)
    assert clean.rows == 2

    assert total_of(MONTH, data_dir, "total_amount") == pytest.approx(19.9)
    for finding in (
        accounted_for(raw, clean),
        contents_as_registered(clean, DATASETS["yellow"]),
    ):
        assert finding.passed, finding
    assert oddities(clean).figures["exact_duplicates"] == 1
    assert "| vendorid | 1 | 1 |" in preview(clean.path)
    assert "most trips: 2 on " in trips_by_day_and_hour(clean.path, DATASETS["yellow"], MONTH)

    lake = FolderLake(data_dir.lake)
    copy_month(raw, clean, lake)
    warehouse = DuckDbWarehouse(data_dir.warehouse, data_dir.lake)
    assert load_month(MONTH, lake, warehouse).rows == 2
    assert warehouse.total(MONTH, "total_amount") == pytest.approx(19.9)
    assert warehouse.total(MONTH, "vendorid") == 2

    scan = taxi_assets.scan_trips("yellow", "2019-01", ["vendorid", "total_amount"], data_dir=data_dir.root)
    assert scan.relation().fetchall() == [(1, 9.95), (1, 9.95)]
    assert scan.df()["vendorid"].tolist() == [1, 1]
