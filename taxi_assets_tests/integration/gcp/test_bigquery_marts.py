"""The marts and the course's views in BigQuery: the same texts as in DuckDB, and the same answers of the same trips."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.marts import MARTS, MONEY, TRIPS, ZONE_PAIRS
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import CountMismatchError, LayoutError
from taxi_assets.orchestration.checks.marts import same_money, same_trips
from taxi_assets.steps.marts.bigquery_marts import BigQueryMarts
from taxi_assets.steps.raw.fetch import fetch_zones
from taxi_assets.steps.report.read import read_figures
from taxi_assets.steps.report.write import OBJECT_NAME, write_report
from taxi_assets.steps.warehouse.load import load_month, load_zones
from taxi_assets_tests.support.clean_months import clean_table
from taxi_assets_tests.support.gcp_fixtures import MAXIMUM_BYTES_BILLED, RETRY_SECONDS, GcpPlace
from taxi_assets_tests.support.mart_places import LocalPlace, build, put, write_month

JANUARY = "2024-01"
GREEN, YELLOW, FHV, FHVHV = (TripMonth(name, JANUARY) for name in ("green", "yellow", "fhv", "fhvhv"))


class Places:
    """Both targets with the same months."""

    def __init__(self, gcp: GcpPlace, folder: Path) -> None:
        self.gcp, self.folder = gcp, folder
        self.local = LocalPlace(DataDir(folder / "data"))

    @property
    def marts(self) -> BigQueryMarts:
        usual = {"maximum_bytes_billed": MAXIMUM_BYTES_BILLED, "retry_seconds": RETRY_SECONDS, "first_wait": 0.01}
        return BigQueryMarts(self.gcp.bigquery, self.gcp.warehouse(), self.gcp.lake(), self.gcp.dataset_id, **usual)

    def put(self, month: TripMonth, rows: int, first: int = 0) -> None:
        clean = write_month(self.folder / "clean", month, clean_table(DATASETS[month.dataset], month, rows, first))
        put(self.local.lake, clean)
        put(self.gcp.lake(), clean)
        load_month(month, self.gcp.lake(), self.gcp.warehouse())


@pytest.fixture
def places(gcp: GcpPlace, tmp_path: Path) -> Places:
    return Places(gcp, tmp_path)


def comparable(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Sums of doubles depend on the order in the last digits."""
    rounded = [tuple(round(v, 6) if isinstance(v, float) and math.isfinite(v) else v for v in row) for row in rows]
    return sorted(rounded, key=repr)


def same_in_both(places: Places, schema: str, table: str, columns: str) -> int:
    local = places.local.query(f"SELECT {columns} FROM {schema}.{table}")
    remote = places.gcp.rows(f"SELECT {columns} FROM `{{d}}_{schema}.{table}`")
    assert comparable(remote) == comparable(local)
    return len(local)


def same_page_in_both(places: Places) -> None:
    """The page, its names of zones included: the same text, but for the last digit of a sum of doubles."""
    data_dir = places.local.data_dir
    zones = fetch_zones("sample", data_dir)
    targets = [(places.gcp.lake(), places.gcp.warehouse()), (places.local.lake, places.local.warehouse)]
    for lake, warehouse in targets:
        load_zones(zones, lake, warehouse)
    remote, local = read_figures(places.marts), read_figures(places.local.marts)
    assert (remote.files, remote.hours, remote.names) == (local.files, local.hours, local.names)
    assert remote.names
    assert sum(map(sum, remote.hours.values())) > 900
    assert remote.sums.keys() == local.sums.keys()
    for key, sums in local.sums.items():
        assert remote.sums[key] == pytest.approx(sums)
    report = write_report(places.marts, data_dir, lake=places.gcp.lake())
    assert (report.trips, report.months) == (1000, 4)
    assert report.uri == f"gs://{places.gcp.connection.bucket}/{OBJECT_NAME}"
    with places.gcp.lake().open(OBJECT_NAME) as copy:
        assert copy.read() == report.path.read_bytes()


def test_marts_and_views_say_the_same_as_in_duckdb_and_follow_a_month_issued_again(places: Places) -> None:
    for month, rows in ((YELLOW, 900), (GREEN, 300), (FHV, 200), (FHVHV, 300)):
        places.put(month, rows)
    for store in (places.marts, places.local.marts):
        assert {name: mart.trips for name, mart in build(store, JANUARY).items()} == dict.fromkeys(MARTS, 1700)
    places.put(YELLOW, 200, first=5000)
    for store in (places.marts, places.local.marts):
        assert {name: mart.trips for name, mart in build(store, JANUARY).items()} == dict.fromkeys(MARTS, 1000)
    for mart in MARTS.values():
        assert same_in_both(places, "marts", mart.name, ", ".join(column.name for column in mart.columns)) > 3
        assert same_trips(mart, JANUARY, places.gcp.warehouse(), places.marts).passed
    assert places.marts.ask("SELECT SUM(trips) FROM {zone_hours}") == [(1000,)]
    same_page_in_both(places)
    assert same_money(ZONE_PAIRS, JANUARY, places.gcp.warehouse(), places.marts, dict(MONEY)).passed
    assert same_in_both(places, "marts", "trips", ", ".join(column.name for column in TRIPS)) == 1000
    for name in ("yellow", "green", "fhv"):
        assert same_in_both(places, "zoomcamp", f"{name}_tripdata", "*") > 100


def test_a_real_month_of_green_trips_says_the_same_in_both(places: Places, real_data: Path) -> None:
    table = pq.read_table(real_data / "tlc" / "green_tripdata_2024-01.parquet")
    names = {name.lower(): name for name in table.column_names}
    empty = clean_table(DATASETS["green"], GREEN, 0)
    columns = {
        field.name: (
            [GREEN.first_day] * table.num_rows
            if field.name == "file_month"
            else table[names[field.name]].cast(field.type)
            if field.name in names
            else [None] * table.num_rows
        )
        for field in empty.schema
    }
    clean = write_month(places.folder / "clean", GREEN, type(empty).from_pydict(columns, schema=empty.schema))
    put(places.local.lake, clean)
    put(places.gcp.lake(), clean)
    load_month(GREEN, places.gcp.lake(), places.gcp.warehouse())
    for store in (places.marts, places.local.marts):
        assert build(store, JANUARY)["zone_hours"].trips == 56_551
    for mart in MARTS.values():
        assert same_in_both(places, "marts", mart.name, ", ".join(column.name for column in mart.columns)) > 0


def test_a_mart_waits_for_the_warehouse_and_a_stranger_s_table_stays(places: Places) -> None:
    places.put(YELLOW, 20)
    clean = write_month(places.folder / "clean", YELLOW, clean_table(DATASETS["yellow"], YELLOW, 30))
    put(places.gcp.lake(), clean)
    with pytest.raises(CountMismatchError, match="the warehouse has 20 trips, the lake 30"):
        build(places.marts, JANUARY)
    places.gcp.rows("CREATE VIEW `{d}_zoomcamp.green_tripdata` AS SELECT 1 AS mine")
    with pytest.raises(LayoutError, match="without the label managed-by:taxi_assets: something else made it"):
        places.put(GREEN, 5)
