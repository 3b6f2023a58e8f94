"""Ten analytical questions in the SQL that DuckDB, Postgres and BigQuery share, asked of the same real months.

The queries name tables without a schema and times without a zone, and keep to what all three dialects mean alike.
BigQuery is bqemulator here, which translates BigQuery's SQL for an engine of its own.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet as pq
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.clean.zones import clean_zones
from taxi_assets.steps.files.sql import literal
from taxi_assets.steps.gcp.preflight import check_gcp
from taxi_assets.steps.lake.copy import copy_month
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.postgres.load import load_month as load_postgres
from taxi_assets.steps.postgres.tables import prepare_database
from taxi_assets.steps.postgres.zones import load_zones as load_postgres_zones
from taxi_assets.steps.raw.fetch import fetch_month, fetch_zones
from taxi_assets.steps.warehouse.duckdb_views import DuckDbWarehouse
from taxi_assets.steps.warehouse.load import load_month, load_zones
from taxi_assets_tests.support.gcp_fixtures import GcpPlace, emulated
from taxi_assets_tests.support.pages import marked

QUERIES = sorted((Path(__file__).parent / "shared_queries").glob("*.sql"))
YELLOW_MONTHS = ("2019-01", "2019-02", "2020-03", "2020-04")
GREEN_MONTHS = ("2024-01",)

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Stores:
    """The three stores, each as a function from SQL to rows."""

    duckdb: Callable[[str], Rows]
    postgres: Callable[[str], Rows]
    bigquery: Callable[[str], Rows]


@pytest.fixture(scope="module")
def stores(
    tmp_path_factory: pytest.TempPathFactory, real_data: Path, postgres_server: EmbeddedPostgres, emulators: Any
) -> Stores:
    """Every real month in every store, through the steps that production takes."""
    data_dir = DataDir(tmp_path_factory.mktemp("shared"))
    postgres_server.ensure_database("shared_queries")
    conninfo = postgres_server.conninfo("shared_queries")
    prepare_database(conninfo, DATASETS.values())
    place = GcpPlace(emulated(emulators, bucket="shared-queries", dataset="shared_queries"))
    check_gcp(place.connection)
    targets = [
        (FolderLake(data_dir.lake), DuckDbWarehouse(data_dir.warehouse, data_dir.lake)),
        (place.lake(), place.warehouse()),
    ]
    sources = [(TripMonth("yellow", key), real_data / "releases") for key in YELLOW_MONTHS]
    sources += [(TripMonth("green", key), real_data / "tlc") for key in GREEN_MONTHS]
    for month, source in sources:
        raw = fetch_month(month, str(source), data_dir).raw
        clean = clean_month(raw, data_dir)
        load_postgres(clean, conninfo)
        for lake, warehouse in targets:
            copy_month(raw, clean, lake)
            assert load_month(month, lake, warehouse).rows == clean.rows
    zones = fetch_zones(str(real_data), data_dir)
    load_postgres_zones(clean_zones(zones, data_dir), conninfo)
    for lake, warehouse in targets:
        load_zones(zones, lake, warehouse)
    return Stores(
        duckdb=lambda sql: _ask_duckdb(data_dir.warehouse, sql),
        postgres=lambda sql: _ask_postgres(conninfo, sql),
        bigquery=lambda sql: _ask_bigquery(place, sql),
    )


def _ask_duckdb(catalogue: Path, sql: str) -> Rows:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH {literal(str(catalogue))} AS catalogue (READ_ONLY)")
        connection.execute("USE catalogue")
        return connection.execute(sql).fetchall()


def _ask_postgres(conninfo: str, sql: str) -> Rows:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(sql.encode()).fetchall()


def _ask_bigquery(place: GcpPlace, sql: str) -> Rows:
    from google.cloud.bigquery import QueryJobConfig

    config = QueryJobConfig(default_dataset=place.dataset_id)
    return [tuple(row) for row in place.bigquery.query(sql, job_config=config).result()]


def same(left: Rows, right: Rows) -> bool:
    return len(left) == len(right) and all(
        len(one) == len(other) and all(_same_value(a, b) for a, b in zip(one, other, strict=True))
        for one, other in zip(left, right, strict=True)
    )


def _same_value(left: Any, right: Any) -> bool:
    """Numbers alike to one part in a thousand million: engines add doubles in different orders."""
    numbers = (int, float, Decimal)
    if isinstance(left, numbers) and isinstance(right, numbers):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return type(left) is type(right) and left == right


def test_there_are_ten_queries() -> None:
    assert len(QUERIES) == 10


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_three_stores_give_the_same_answer(stores: Stores, query: Path) -> None:
    sql = query.read_text(encoding="utf-8")
    answer = stores.duckdb(sql)
    assert answer
    assert same(answer, stores.postgres(sql)), (answer, stores.postgres(sql))
    assert same(answer, stores.bigquery(sql)), (answer, stores.bigquery(sql))


def test_the_answers_are_those_of_the_published_files(stores: Stores) -> None:
    # 10,000 trips were sampled of each yellow month; green 2024-01 is the whole month as TLC publishes it.
    first_days = [date.fromisoformat(f"{key}-01") for key in YELLOW_MONTHS]
    first = stores.bigquery(QUERIES[0].read_text(encoding="utf-8"))
    assert [(row[0], row[1]) for row in first] == [(month, 10_000) for month in first_days]
    assert stores.bigquery("SELECT COUNT(*) FROM green_tripdata WHERE file_month = DATE '2024-01-01'") == [(56_551,)]


# The homework asks for months that are not among the samples: each question is asked of those that are.
HOMEWORK = {block.mark.removeprefix("run: every store, "): block.text for block in marked("run: every store, ")}
ASKED_OF = {"yellow 2020": {}, "green 2020": {"2020-": "2024-"}, "yellow 2021-03": {"2021-03": "2020-03"},
            "yellow 2024": {"2024-": "2020-"}}  # fmt: skip


def homework(about: str) -> str:
    """The query of the page, for the months of the samples."""
    sql = HOMEWORK[about]
    for before, after in ASKED_OF[about.rpartition(" of ")[2]].items():
        assert before in sql
        sql = sql.replace(before, after)
    return sql.replace("2024-10-01", "2024-01-01")  # the last quarter; the sample is a January


def published(real_data: Path, *months: str) -> list[dict[str, str]]:
    """The lines of the published files, read with nothing of ours and without an engine."""
    rows: list[dict[str, str]] = []
    for month in months:
        file = real_data / "releases" / "yellow" / f"yellow_tripdata_{month}.csv.gz"
        rows += csv.DictReader(io.StringIO(gzip.decompress(file.read_bytes()).decode(), newline=""))
    return rows


@pytest.mark.parametrize("about", HOMEWORK)
def test_the_homeworks_answers_are_those_of_the_published_files(stores: Stores, real_data: Path, about: str) -> None:
    march, year = published(real_data, "2020-03"), published(real_data, "2020-03", "2020-04")
    green = pq.read_table(real_data / "tlc" / "green_tripdata_2024-01.parquet").to_pylist()
    wanted: dict[str, Rows] = {
        "rows of yellow 2020": [(len(year),)],
        "rows of green 2020": [(len(green),)],
        "rows of yellow 2021-03": [(len(march),)],
        "months of yellow 2020": [(date(2020, 3, 1), len(march)), (date(2020, 4, 1), len(year) - len(march))],
        "last quarter of green 2020": [
            (len(green), sum((row["passenger_count"] or 0) > 0 and row["trip_distance"] > 0 for row in green))
        ],
        "rows of yellow 2024": [(len(year),)],
        "free trips of yellow 2024": [(sum(float(row["fare_amount"]) == 0 for row in year),)],
        "pickup zones of yellow 2024": [(len({row["PULocationID"] for row in year}),)],
        "vendors of yellow 2024": sorted(
            {
                (int(row["VendorID"]) if row["VendorID"] else None,)
                for row in year
                if "2020-03-01" <= row["tpep_dropoff_datetime"] < "2020-03-16"
            },
            key=str,
        ),
    }
    assert wanted.keys() == HOMEWORK.keys()
    sql = homework(about)
    for store in (stores.duckdb, stores.postgres, stores.bigquery):
        found = store(sql)
        assert same(sorted(found, key=str), sorted(wanted[about], key=str)), (about, found, wanted[about])


def test_a_difference_would_be_noticed() -> None:
    assert same([(1, "a", 2.0)], [(Decimal(1), "a", 2.0 + 1e-12)])
    for other in ([(1, "a", 2.0001)], [(1, "b", 2.0)], [(2, "a", 2.0)], [], [(1, "a")], [(1, None, 2.0)]):
        assert not same([(1, "a", 2.0)], other)
