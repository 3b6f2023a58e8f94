"""The registry: complete, consistent, and in step with what was published."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from taxi_assets.datasets.columns import Column, ColumnType, Dataset, arrow_schema
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.vocabulary import is_ignored
from taxi_assets.orchestration.checks.published_counts import expected_rows
from taxi_assets.steps.clean.rules.rules import fingerprint
from taxi_assets.steps.sample.layouts import csv_layouts, parquet_layout

EVERY_COLUMN = [
    pytest.param(dataset, column, id=f"{dataset.name}.{column.name}")
    for dataset in DATASETS.values()
    for column in dataset.columns
]

# TLC's names and order of 2019, which queries written for those tables rely on.
COLUMNS_OF_2019 = {
    "yellow": (
        "vendorid tpep_pickup_datetime tpep_dropoff_datetime passenger_count trip_distance ratecodeid "
        "store_and_fwd_flag pulocationid dolocationid payment_type fare_amount extra mta_tax tip_amount tolls_amount "
        "improvement_surcharge total_amount congestion_surcharge"
    ),
    "green": (
        "vendorid lpep_pickup_datetime lpep_dropoff_datetime store_and_fwd_flag ratecodeid pulocationid dolocationid "
        "passenger_count trip_distance fare_amount extra mta_tax tip_amount tolls_amount ehail_fee "
        "improvement_surcharge total_amount payment_type trip_type congestion_surcharge"
    ),
    "fhv": "dispatching_base_num pickup_datetime dropoff_datetime pulocationid dolocationid sr_flag",
    "fhvhv": (
        "hvfhs_license_num dispatching_base_num pickup_datetime dropoff_datetime pulocationid dolocationid sr_flag"
    ),
}


def test_there_are_the_four_datasets_with_their_first_months() -> None:
    assert {name: dataset.first_month for name, dataset in DATASETS.items()} == {
        "yellow": "2009-01",
        "green": "2013-08",
        "fhv": "2015-01",
        "fhvhv": "2019-02",
    }


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_tables_begin_with_the_columns_of_2019_in_tlc_s_order(dataset: Dataset) -> None:
    names = [column.name for column in dataset.columns]
    expected = COLUMNS_OF_2019[dataset.name].split()
    assert names[: len(expected)] == expected
    assert dataset.table_columns[-1].name == "file_month"


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_names_and_aliases_are_of_one_column_each_and_in_lower_case(dataset: Dataset) -> None:
    names = [name for column in dataset.columns for name in (column.name, *column.aliases)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert not any(is_ignored(name) for name in names)
    assert all(
        dataset.column_called(name) is column for column in dataset.columns for name in (column.name, *column.aliases)
    )


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_the_roles_of_columns_are_played_by_columns_that_exist(dataset: Dataset) -> None:
    assert dataset.column(dataset.pickup).required
    assert dataset.column(dataset.pickup).type is dataset.column(dataset.dropoff).type is ColumnType.TIME
    assert dataset.total is None or dataset.column(dataset.total).unit == "USD"
    assert dataset.pickup in dataset.essential
    assert [dataset.column(name).name for name in dataset.essential] == list(dataset.essential)
    with pytest.raises(KeyError, match=f"{dataset.name} has no column 'nonsense'"):
        dataset.column("nonsense")


@pytest.mark.parametrize(("dataset", "column"), EVERY_COLUMN)
def test_a_column_is_described_and_its_codes_fit_its_type(dataset: Dataset, column: Column) -> None:
    assert column.description.endswith(".")
    assert len(column.description) > 15
    kind = str if column.type is ColumnType.TEXT else int
    assert all(isinstance(value, kind) for value in (*column.codes.values(), *column.meanings))
    assert all(word == word.strip().upper() for word in column.codes)
    assert set(column.codes.values()) <= set(column.meanings)
    assert all(str(meaning) in column.description for meaning in column.meanings.values())
    for month in (column.first_month, column.last_month):
        assert month is None or TripMonth(dataset.name, month).month >= dataset.first_month


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_every_published_layout_is_known_to_the_registry(dataset: Dataset) -> None:
    published = {name for month in months(dataset) for name in published_names(month)}
    assert len({name.lower() for name in published}) >= len(dataset.columns) - 1
    assert all(is_ignored(name) or dataset.column_called(name) for name in published)


def months(dataset: Dataset) -> list[TripMonth]:
    """All months that are published, or will be until the end of 2026."""
    every = [f"{year}-{month:02d}" for year in range(2009, 2027) for month in range(1, 13)]
    return [TripMonth(dataset.name, month) for month in every if month >= dataset.first_month]


def published_names(month: TripMonth) -> list[str]:
    """The columns of a month in both formats, as published."""
    layouts = (*csv_layouts(month), parquet_layout(month))
    return [name for layout in layouts for name in layout.names]


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_the_arrow_schema_has_the_table_s_columns_and_no_time_zone(dataset: Dataset) -> None:
    schema = arrow_schema(dataset.table_columns)
    assert schema.names == [column.name for column in dataset.table_columns]
    assert str(schema.field(dataset.pickup).type) == "timestamp[us]"
    assert str(schema.field("file_month").type) == "date32[day]"


def test_fingerprints_differ_between_datasets_and_not_between_processes() -> None:
    here = {name: fingerprint(dataset) for name, dataset in DATASETS.items()}
    assert len(set(here.values())) == len(here)
    code = (
        "from taxi_assets.datasets.registry import DATASETS; "
        "from taxi_assets.steps.clean.rules.rules import fingerprint; "
        "print(*(fingerprint(dataset) for dataset in DATASETS.values()))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert there.stdout.split() == list(here.values())


@pytest.mark.parametrize(
    ("dataset", "months", "total"),
    [
        ("yellow", [f"2020-{month:02d}" for month in range(1, 13)], 24_648_499),
        ("green", [f"2020-{month:02d}" for month in range(1, 13)], 1_734_051),
        ("yellow", ["2021-03"], 1_925_152),
    ],
)
def test_published_months_add_up_to_the_published_totals(dataset: str, months: list[str], total: int) -> None:
    counts = [expected_rows(TripMonth(dataset, month), "csv.gz") for month in months]
    assert all(count is not None and count[1] == "confirmed" for count in counts)
    assert sum(count[0] for count in counts if count) == total


def test_a_published_count_belongs_to_one_edition() -> None:
    assert expected_rows(TripMonth("yellow", "2019-01"), "csv.gz") == (7_667_792, "confirmed")
    assert expected_rows(TripMonth("yellow", "2019-01"), "csv") == (7_667_792, "confirmed")
    assert expected_rows(TripMonth("yellow", "2019-01"), "parquet") == (7_696_617, "second-hand")
    assert expected_rows(TripMonth("yellow", "2019-05"), "csv.gz") == (7_565_261, "second-hand")
    assert expected_rows(TripMonth("yellow", "2019-07"), "csv.gz") is None
    assert expected_rows(TripMonth("yellow", "2020-01"), "parquet") is None
    assert expected_rows(TripMonth("fhv", "2019-01"), "csv.gz") is None
