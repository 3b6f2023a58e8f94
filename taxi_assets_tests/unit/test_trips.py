"""Trips for people: the same rows as a DataFrame, as Arrow batches and as a relation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import taxi_assets
from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.columns import ColumnType
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import ArgumentError, BrokenFileError, NotMaterializedError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.trips import DtypeBackend
from taxi_assets_tests.support.raw_months import YELLOW_2019, YELLOW_TRIP, csv_month


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three months of yellow: one, two and three trips; the last trip of each has no passengers and says so not."""
    data_dir = DataDir(tmp_path_factory.mktemp("da[t]a"))
    for count, month in enumerate(("2018-12", "2019-01", "2019-02"), start=1):
        trips = [YELLOW_TRIP] * (count - 1) + [YELLOW_TRIP.replace(",1,1.50,", ",,1.50,")]
        text = "\n".join([YELLOW_2019, *trips, ""])
        published = TripMonth("yellow", month)
        clean_month(csv_month(data_dir, text, published), data_dir)
    month = TripMonth("fhv", "2019-01")
    text = "dispatching_base_num,pickup_datetime,dropoff_datetime\nB1,2019-01-01 00:00:00,3019-01-01 00:00:00\n"
    clean_month(csv_month(data_dir, text, month), data_dir)
    return data_dir.root


@pytest.mark.parametrize(
    ("months", "counts"),
    [
        ("2019-01", {"2019-01": 2}),
        (("2018-12", "2019-02"), {"2018-12": 1, "2019-01": 2, "2019-02": 3}),
        (("2019-01", "2019-01"), {"2019-01": 2}),
        (["2019-02", "2018-12"], {"2019-02": 3, "2018-12": 1}),
    ],
)
def test_one_month_a_range_or_a_list_come_in_every_form(
    months: str | tuple[str, str] | list[str], counts: dict[str, int], folder: Path
) -> None:
    scan = taxi_assets.scan_trips("yellow", months, ["file_month", "total_amount"], data_dir=folder)
    expected = [month for month, count in counts.items() for _ in range(count)]

    frame = taxi_assets.load_trips("yellow", months, ["file_month", "total_amount"], data_dir=folder)
    assert [str(day)[:7] for day in frame["file_month"]] == expected
    assert list(frame.columns) == ["file_month", "total_amount"]

    batches = list(scan.arrow(batch_rows=1))
    assert [str(batch.column("file_month")[0])[:7] for batch in batches] == expected

    found = scan.relation().aggregate("strftime(file_month, '%Y-%m'), count(*)").fetchall()
    assert dict(found) == counts


def test_a_dataframe_has_every_column_with_types_that_keep_what_was_published(folder: Path) -> None:
    frame = taxi_assets.load_trips("yellow", "2019-01", data_dir=folder)
    assert list(frame.columns) == [column.name for column in DATASETS["yellow"].table_columns]
    assert frame["passenger_count"].dtype == "float64", "as pandas' readers make of whole numbers with gaps"
    assert frame["pulocationid"].dtype == "int64"
    assert frame["tpep_pickup_datetime"].iloc[0] == pd.Timestamp("2019-01-01 00:46:40")
    assert frame["tpep_pickup_datetime"].dt.tz is None
    assert frame["store_and_fwd_flag"].tolist() == ["N", "N"]
    assert frame["total_amount"].sum() == pytest.approx(19.9)


def test_what_people_calculate_with_is_wide_enough(folder: Path) -> None:
    pair = "pulocationid * 1000 + dolocationid"
    frame = taxi_assets.load_trips("yellow", "2019-01", data_dir=folder)
    assert frame.eval(pair).tolist() == [151_239, 151_239]
    assert (frame["passenger_count"] == 0).tolist() == [False, False]
    scan = taxi_assets.scan_trips("yellow", "2019-01", data_dir=folder)
    assert scan.relation().project(pair).fetchall() == [(151_239,), (151_239,)]
    types = dict(zip(scan.relation().columns, scan.relation().types, strict=True))
    assert {name for name, kind in types.items() if kind == "INTEGER"} == {
        column.name for column in DATASETS["yellow"].columns if column.type is ColumnType.CODE
    }
    assert str(scan.arrow().schema.field("pulocationid").type) == "int32"


@pytest.mark.parametrize(
    ("backend", "gaps", "numbers", "text"),
    [(None, "float64", "float64", "object"), ("numpy_nullable", "Int64", "Float64", "string"),
     ("pyarrow", "int64[pyarrow]", "double[pyarrow]", "string[pyarrow]")],
)  # fmt: skip
def test_types_are_those_of_pandas_own_readers(
    backend: DtypeBackend | None,
    gaps: str,
    numbers: str,
    text: str,
    folder: Path,
    tmp_path: Path,
) -> None:
    frame = taxi_assets.load_trips("yellow", "2019-01", data_dir=folder, dtype_backend=backend)
    assert [str(frame[name].dtype) for name in ("passenger_count", "total_amount", "store_and_fwd_flag")] == [
        gaps, numbers, text,
    ]  # fmt: skip
    assert frame["passenger_count"].isna().tolist() == [False, True]
    # What pandas makes of the same trips, stored as TLC stores them: whole numbers in 64 bits.
    trips = taxi_assets.scan_trips("yellow", "2019-01", data_dir=folder).arrow().read_all()
    wide = [each.with_type(pa.int64()) if each.type == pa.int32() else each for each in trips.schema]
    pq.write_table(trips.cast(pa.schema(wide)), tmp_path / "wide.parquet")
    options: dict[str, Any] = {"dtype_backend": backend} if backend else {}
    theirs = pd.read_parquet(tmp_path / "wide.parquet", **options)
    for name in ("vendorid", "passenger_count", "pulocationid", "total_amount", "store_and_fwd_flag"):
        assert str(frame[name].dtype) == str(theirs[name].dtype), name


def test_a_backend_that_there_is_not_is_an_error(folder: Path) -> None:
    with pytest.raises(ArgumentError, match="no dtype_backend 'polars'"):
        taxi_assets.load_trips("yellow", "2019-01", data_dir=folder, dtype_backend="polars")  # pyright: ignore[reportArgumentType]


def test_a_damaged_file_is_an_error_that_names_it(folder: Path, tmp_path: Path) -> None:
    months = [TripMonth("yellow", month) for month in ("2018-12", "2019-01")]
    for month in months:
        path = DataDir(tmp_path).clean(month)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = DataDir(folder).clean(month).read_bytes()
        path.write_bytes(content[:-40] if month.month == "2019-01" else content)
    scan = taxi_assets.scan_trips("yellow", ("2018-12", "2019-01"), data_dir=tmp_path)
    for read in (scan.df, scan.relation, lambda: list(scan.arrow())):
        with pytest.raises(BrokenFileError, match=r"yellow_tripdata_2019-01\.parquet"):
            read()


def test_a_dropoff_in_the_year_3019_is_read_in_every_form(folder: Path) -> None:
    scan = taxi_assets.scan_trips("fhv", "2019-01", ["dropoff_datetime"], data_dir=folder)
    assert str(scan.df()["dropoff_datetime"].iloc[0]) == "3019-01-01 00:00:00"
    assert str(scan.arrow().read_all().column(0)[0]) == "3019-01-01 00:00:00"
    assert str(scan.relation().fetchall()[0][0]) == "3019-01-01 00:00:00"


def test_a_relation_can_live_in_one_s_own_connection(folder: Path) -> None:
    with duckdb.connect() as connection:
        scan = taxi_assets.scan_trips("yellow", "2019-01", ["total_amount"], data_dir=folder)
        assert scan.relation(connection).sum("total_amount").fetchall()[0][0] == pytest.approx(19.9)


def test_a_month_cleaned_before_a_column_was_added_has_it_as_null(folder: Path, tmp_path: Path) -> None:
    old = DataDir(tmp_path).clean(TripMonth("yellow", "2019-01"))
    old.parent.mkdir(parents=True)
    with duckdb.connect() as connection:
        source = str(DataDir(folder).clean(TripMonth("yellow", "2019-01"))).replace("[", "[[]")
        connection.execute(f"COPY (SELECT * EXCLUDE (request_source) FROM read_parquet('{source}')) TO '{old}'")
    scan = taxi_assets.scan_trips("yellow", "2019-01", ["request_source", "total_amount"], data_dir=tmp_path)
    assert scan.df()["request_source"].isna().all()
    assert scan.relation().fetchall() == [(None, 9.95), (None, 9.95)]


@pytest.mark.parametrize(
    ("dataset", "months", "columns", "error", "text"),
    [
        ("yellow", "2019-03", None, NotMaterializedError, r"yellow 2019-03 .* -m taxi_assets load yellow 2019-03$"),
        ("yellow", ("2019-01", "2019-04"), None, NotMaterializedError, "yellow 2019-03"),
        ("purple", "2019-01", None, ArgumentError, "yellow, green, fhv, fhvhv"),
        ("yellow", "2019-01", ["fare", "extra"], ArgumentError, "no column 'fare'; it has vendorid"),
        ("yellow", "2019-1", None, ValueError, "YYYY-MM"),
        ("yellow", ("2019-02", "2019-01"), None, ValueError, "ends before it begins"),
        ("yellow", ("2018-12", "2019-01", "2019-02"), None, ValueError, "written as a list"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_says_what_to_do(
    dataset: str, months: str, columns: list[str] | None, error: type[Exception], text: str, folder: Path
) -> None:
    with pytest.raises(error, match=text):
        taxi_assets.scan_trips(dataset, months, columns, data_dir=folder)


def test_the_data_folder_is_the_settings_one_unless_it_is_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAXI_DATA_DIR", str(folder))
    assert len(taxi_assets.load_trips("yellow", "2019-02")) == 3


def test_importing_the_package_imports_no_engine() -> None:
    code = "import sys, taxi_assets; print(*({'pandas', 'pyarrow', 'duckdb', 'dagster'} & set(sys.modules)), 'done')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.split() == ["done"]
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = taxi_assets.nonsense
