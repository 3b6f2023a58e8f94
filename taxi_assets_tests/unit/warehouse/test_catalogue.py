"""Views over the lake in a DuckDB file of somebody else's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import ArgumentError, LayoutError, StoreUnavailableError
from taxi_assets.steps.lake.lake import clean_name
from taxi_assets.steps.warehouse.catalogue import write_catalogue
from taxi_assets_tests.support.lake_months import write_clean

NAMES = (*(dataset.table for dataset in DATASETS.values()), "taxi_zones")


def query(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def put(data_dir: DataDir, dataset: str, month: str, rows: int, **options: Any) -> None:
    each = TripMonth(dataset, month)
    write_clean(data_dir.lake / clean_name(each), each, rows, **options)


def test_every_table_is_there_typed_and_empty_before_there_is_a_lake(tmp_path: Path) -> None:
    file = tmp_path / "new" / "taxi_rides_ny.duckdb"
    assert write_catalogue(file, "prod", DataDir(tmp_path / "data")) == NAMES
    for dataset in DATASETS.values():
        described = query(file, f"DESCRIBE prod.{dataset.table}")
        assert [(row[0], row[1]) for row in described] == [(c.name, c.type.to_query) for c in dataset.table_columns]
    assert [query(file, f"SELECT count(*) FROM prod.{name}") for name in NAMES] == [[(0,)]] * 5


def test_months_that_come_later_and_files_of_another_age_are_seen_without_a_second_call(tmp_path: Path) -> None:
    file, data_dir = tmp_path / "trips.duckdb", DataDir(tmp_path / "data")
    put(data_dir, "yellow", "2019-01", 3)
    write_catalogue(file, "prod", data_dir)
    put(data_dir, "yellow", "2019-02", 4, without=("cbd_congestion_fee",))
    put(data_dir, "green", "2019-02", 5)
    assert query(file, "SELECT file_month::VARCHAR, count(*) FROM prod.yellow_tripdata GROUP BY 1 ORDER BY 1") == [
        ("2019-01-01", 3),
        ("2019-02-01", 4),
    ]
    assert query(file, "SELECT count(*) FROM prod.green_tripdata") == [(5,)]


def test_paths_and_names_with_odd_characters_are_paths_and_names(tmp_path: Path) -> None:
    folder = tmp_path / 'vendorid=9 [1] it\'s * "so"'
    file, data_dir = folder / "my trips.duckdb", DataDir(folder / "data?")
    put(data_dir, "yellow", "2019-01", 3)
    write_catalogue(file, 'pro"d; --', data_dir)
    assert query(file, 'SELECT count(*), count(DISTINCT vendorid) FROM "pro""d; --".yellow_tripdata') == [(3, 3)]


def test_what_is_somebody_else_s_is_left_alone_and_nothing_is_changed(tmp_path: Path) -> None:
    file, data_dir = tmp_path / "trips.duckdb", DataDir(tmp_path / "data")
    for kind in ("TABLE", "VIEW"):
        with duckdb.connect(str(file)) as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS prod")
            connection.execute(f"CREATE {kind} prod.green_tripdata AS SELECT 42 AS answer")
        with pytest.raises(LayoutError, match=r"prod\.green_tripdata is there already and was not made by"):
            write_catalogue(file, "prod", data_dir)
        assert query(file, "SELECT answer FROM prod.green_tripdata") == [(42,)]
        assert query(file, "SELECT count(*) FROM duckdb_views() WHERE view_name = 'yellow_tripdata'") == [(0,)]
        with duckdb.connect(str(file)) as connection:
            connection.execute(f"DROP {kind} prod.green_tripdata")


def test_its_own_views_are_brought_up_to_date_beside_what_others_made(tmp_path: Path) -> None:
    file = tmp_path / "trips.duckdb"
    put(DataDir(tmp_path / "old"), "yellow", "2019-01", 3)
    put(DataDir(tmp_path / "new"), "yellow", "2019-01", 7)
    write_catalogue(file, "prod", DataDir(tmp_path / "old"))
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE prod.fct_trips AS SELECT count(*) AS n FROM prod.yellow_tripdata")
    write_catalogue(file, "prod", DataDir(tmp_path / "new"))
    assert query(file, "SELECT (SELECT n FROM prod.fct_trips), count(*) FROM prod.yellow_tripdata") == [(3, 7)]


def test_a_file_that_is_no_database_and_one_that_is_open_elsewhere_are_named(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, and longer than the header of one " * 400)
    with pytest.raises(ArgumentError, match=r"notes\.txt: .*Nothing was changed"):
        write_catalogue(text, "prod", DataDir(tmp_path / "data"))
    assert text.read_text().startswith("not a database")
    file = tmp_path / "trips.duckdb"
    holds_it = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holds_it, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StoreUnavailableError, match="another process has it open"):
            write_catalogue(file, "prod", DataDir(tmp_path / "data"))
        other.communicate()
