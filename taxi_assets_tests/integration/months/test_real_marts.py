"""The marts of real yellow months, against SQL that was written by hand on the clean files."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.lake.copy import copy_month
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets_tests.support.mart_places import LocalPlace, build

MONTHS = ("2019-01", "2019-02", "2020-03", "2020-04")

SUMS = (
    "count(*) AS trips, sum(trip_distance), sum(date_diff('second', tpep_pickup_datetime, tpep_dropoff_datetime)), "
    "sum(fare_amount), sum(tip_amount), sum(tolls_amount), sum(total_amount)"
)
THE_SAME = "sum(trips), sum(miles), sum(seconds), sum(fare), sum(tip), sum(tolls), sum(total)"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> LocalPlace:
    place = LocalPlace(DataDir(tmp_path_factory.mktemp("real-marts") / "data"))
    for month in MONTHS:
        raw = fetch_month(TripMonth("yellow", month), str(real_data / "releases"), place.data_dir).raw
        copy_month(raw, clean_month(raw, place.data_dir), place.lake)
        build(place.marts, month)
    return place


def by_hand(place: LocalPlace, select: str) -> list[tuple[object, ...]]:
    """A query of the clean files themselves; ``trips`` stands for them."""
    folder = place.data_dir.root / "clean" / "yellow"
    files = [str(folder / f"yellow_tripdata_{month}.parquet") for month in MONTHS]
    with duckdb.connect() as connection:
        connection.read_parquet(files, hive_partitioning=False).create_view("trips")
        return connection.execute(select).fetchall()


def about(rows: list[tuple[object, ...]]) -> list[object]:
    """Sums of doubles differ in their last digits by the order in which they are added."""
    return [pytest.approx(row, rel=1e-9) if isinstance(row[-1], float) else row for row in rows]


def test_hours_are_those_of_the_clean_files(place: LocalPlace) -> None:
    key = "file_month, CAST(tpep_pickup_datetime AS DATE), hour(tpep_pickup_datetime), pulocationid"
    expected = by_hand(place, f"SELECT {key}, {SUMS} FROM trips GROUP BY ALL ORDER BY 1, 2, 3, 4")
    found = place.query(
        f"SELECT file_month, pickup_date, pickup_hour, pickup_zone, {THE_SAME} FROM marts.zone_hours GROUP BY ALL "
        "ORDER BY 1, 2, 3, 4"
    )
    assert len(expected) > 10_000
    assert [row[:4] for row in found] == [row[:4] for row in expected]
    assert [row[4:] for row in found] == about([row[4:] for row in expected])


def test_pairs_of_zones_are_those_of_the_clean_files(place: LocalPlace) -> None:
    expected = by_hand(
        place, f"SELECT file_month, pulocationid, dolocationid, {SUMS} FROM trips GROUP BY ALL ORDER BY 1, 2, 3"
    )
    found = place.query(
        f"SELECT file_month, pickup_zone, dropoff_zone, {THE_SAME} FROM marts.zone_pairs GROUP BY ALL ORDER BY 1, 2, 3"
    )
    assert len(expected) > 1_000
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    assert [row[3:] for row in found] == about([row[3:] for row in expected])


def test_months_tell_what_became_of_each_file(place: LocalPlace) -> None:
    assert place.query(
        "SELECT strftime(file_month, '%Y-%m'), clean, published - clean - rejected FROM marts.months ORDER BY 1"
    ) == [(month, rows, 0) for month, rows in by_hand(
        place, "SELECT strftime(file_month, '%Y-%m'), count(*) FROM trips GROUP BY 1 ORDER BY 1"
    )]  # fmt: skip


def test_clocks_of_another_month_are_told_apart(place: LocalPlace) -> None:
    wrong = by_hand(place, "SELECT count(*) FROM trips WHERE date_trunc('month', tpep_pickup_datetime) <> file_month")
    assert place.query("SELECT sum(trips) FROM marts.zone_hours WHERE NOT in_file_month") == wrong
    assert wrong > [(0,)]
