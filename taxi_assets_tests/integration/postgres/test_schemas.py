"""``TAXI_POSTGRES_SCHEMA``: our tables beside those of somebody else, in a database where ``public`` is taken."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taxi_assets.datasets.months import TripMonth
from taxi_assets.definitions import build_defs
from taxi_assets.errors import LayoutError
from taxi_assets.orchestration.resources.targets import trips_database
from taxi_assets.settings import load_settings
from taxi_assets.steps.postgres.database import Schemas, TripsDatabase
from taxi_assets.steps.postgres.load import count_month, load_month, sum_month
from taxi_assets.steps.postgres.tables import prepare_database
from taxi_assets.steps.postgres.zones import count_unknown_zones, load_zones
from taxi_assets_tests.support.clean_months import write_clean

JANUARY, FEBRUARY = TripMonth("yellow", "2019-01"), TripMonth("yellow", "2019-02")


def query(conninfo: str, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(text.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("schema", ["taxi", 'My "trips"'])
def test_trips_stand_beside_the_courses_table_and_replace_their_own_month_alone(
    postgres: str, tmp_path: Path, schema: str
) -> None:
    query(postgres, "CREATE TABLE public.yellow_tripdata (unique_row_id text, vendorid text)")
    query(postgres, "INSERT INTO public.yellow_tripdata VALUES ('a', '1'), ('b', '2')")
    beside = TripsDatabase(postgres, Schemas(schema))
    for rows in (300, 200):
        loaded = load_month(write_clean(tmp_path, JANUARY, rows), beside)
        assert count_month(beside, JANUARY) == rows
    load_month(write_clean(tmp_path, FEBRUARY, 50), beside)

    [(total,)] = query(postgres, f"SELECT sum(total_amount) FROM {beside.schemas.text('yellow_tripdata')} "
                                 "WHERE file_month = '2019-01-01'")  # fmt: skip
    assert sum_month(beside, JANUARY, "total_amount") == pytest.approx(total)
    assert query(postgres, f"SELECT count(*) FROM {loaded.table}") == [(250,)]
    assert query(postgres, f"SELECT count(*) FROM {loaded.partition}") == [(200,)]
    assert query(postgres, "SELECT count(*) FROM zoomcamp.yellow_tripdata") == [(250,)]
    assert query(postgres, "TABLE public.yellow_tripdata") == [("a", "1"), ("b", "2")]
    schemas = query(
        postgres, "SELECT DISTINCT schemaname::text FROM pg_tables WHERE tablename LIKE 'yellow%' ORDER BY 1"
    )
    assert {name for (name,) in schemas} == {"public", schema, f"{schema}_partitions"}


def test_a_taken_public_is_refused_with_the_setting_that_helps(postgres: str, tmp_path: Path) -> None:
    query(postgres, "CREATE TABLE public.yellow_tripdata (vendorid text)")
    with pytest.raises(LayoutError, match=r"public\.yellow_tripdata exists.*Set TAXI_POSTGRES_SCHEMA=taxi"):
        load_month(write_clean(tmp_path, JANUARY, 10), postgres)
    assert query(postgres, "SELECT nspname FROM pg_namespace WHERE nspname IN ('partitions', 'zoomcamp')") == []


def test_two_schemas_hold_the_same_month_in_their_own_versions_and_the_first_keeps_the_view(
    postgres: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    beside = TripsDatabase(postgres, Schemas("taxi"))
    load_month(write_clean(tmp_path, JANUARY, 100), postgres)
    with caplog.at_level(logging.WARNING):
        load_month(write_clean(tmp_path, JANUARY, 70), beside)
    assert "zoomcamp.yellow_tripdata shows the trips in the schema public, and stays so" in caplog.text
    assert (count_month(postgres, JANUARY), count_month(beside, JANUARY)) == (100, 70)
    assert query(postgres, "SELECT count(*) FROM zoomcamp.yellow_tripdata") == [(100,)]
    query(postgres, "DROP VIEW zoomcamp.yellow_tripdata")
    load_month(write_clean(tmp_path, FEBRUARY, 5), beside)
    assert query(postgres, "SELECT count(*) FROM zoomcamp.yellow_tripdata") == [(75,)]


def test_what_a_killed_load_left_is_dropped_in_its_own_schema(postgres: str, tmp_path: Path) -> None:
    beside = TripsDatabase(postgres, Schemas("taxi"))
    load_month(write_clean(tmp_path, JANUARY, 10), postgres)
    load_month(write_clean(tmp_path, JANUARY, 10), beside)
    leftover = "yellow_tripdata_2019_02_loading_00000000"
    query(postgres, f"CREATE TABLE partitions.{leftover} (); CREATE TABLE taxi_partitions.{leftover} ()")
    prepare_database(beside, [])
    left = query(postgres, f"SELECT schemaname::text FROM pg_tables WHERE tablename = '{leftover}'")
    assert left == [("partitions",)]


def test_the_zones_lie_beside_the_trips(postgres: str, tmp_path: Path) -> None:
    beside = TripsDatabase(postgres, Schemas("taxi"))
    load_month(write_clean(tmp_path, JANUARY, 10), beside)
    assert count_unknown_zones(beside, JANUARY) is None
    pq.write_table(
        pa.table(
            {
                "locationid": pa.array([1, 2], pa.int16()),
                "borough": ["EWR", "Queens"],
                "zone": ["Newark Airport", "Jamaica Bay"],
                "service_zone": ["EWR", "Boro Zone"],
            }
        ),
        tmp_path / "zones.parquet",
    )
    assert load_zones(tmp_path / "zones.parquet", beside) == 2
    assert query(postgres, "SELECT count(*) FROM taxi.taxi_zones") == [(2,)]
    assert query(postgres, "SELECT to_regclass('public.taxi_zones')") == [(None,)]
    assert count_unknown_zones(beside, JANUARY) is not None


def test_the_setting_reaches_the_graph_and_those_who_ask_beside_it(postgres: str, tmp_path: Path) -> None:
    settings = load_settings(
        taxi_postgres_url=postgres_url(postgres), taxi_postgres_schema="taxi", taxi_data_dir=tmp_path
    )
    assert trips_database(settings).schemas == Schemas("taxi")
    defs = build_defs(settings)
    assert defs.resources is not None
    assert defs.resources["postgres"].trips_schema == "taxi"
    for asset in ("yellow_tripdata", "fhvhv_tripdata"):
        spec = next(each for each in defs.resolve_all_asset_specs() if each.key.path == ["postgres", asset])
        assert spec.metadata["dagster/table_name"] == f"taxi.{asset}"


def postgres_url(conninfo: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(conninfo)
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}&passfile={parts['passfile']}"
