"""The published layouts as data: complete, and equal to the real files where those are at hand."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.steps.sample.layouts import (
    CSV_LAYOUTS,
    PARQUET_LAYOUTS,
    CsvEra,
    Era,
    csv_layouts,
    parquet_layout,
)
from taxi_assets.steps.sample.spelling import published_columns

LAST_CSV_MONTH = "2021-07"


def months(first: str, last: str) -> list[str]:
    every = [f"{year}-{month:02}" for year in range(2009, 2031) for month in range(1, 13)]
    return every[every.index(first) : every.index(last) + 1]


def real_heads(folder: Path) -> list[tuple[Path, TripMonth]]:
    files = sorted(folder.glob("*.csv"))
    assert files, f"{folder} has no heads of real files"
    return [(file, TripMonth(*file.stem.split("_tripdata_"))) for file in files]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_month_of_the_csv_years_has_exactly_one_original_layout(dataset: str) -> None:
    for month in months(DATASETS[dataset].first_month, LAST_CSV_MONTH):
        originals = [layout for layout in csv_layouts(TripMonth(dataset, month)) if not layout.reissued]
        assert len(originals) == 1, f"{dataset} {month}: {originals}"


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_month_has_exactly_one_parquet_layout(dataset: str) -> None:
    for month in months(DATASETS[dataset].first_month, "2030-12"):
        fitting = [
            layout
            for layout in PARQUET_LAYOUTS
            if layout.dataset == dataset and layout.first_month <= month <= layout.last_month
        ]
        assert fitting == [parquet_layout(TripMonth(dataset, month))]


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_month_before_the_first_has_no_layout(dataset: str) -> None:
    before = {"yellow": "2008-12", "green": "2013-07", "fhv": "2014-12", "fhvhv": "2019-01"}[dataset]
    month = TripMonth(dataset, before)
    assert csv_layouts(month) == ()
    with pytest.raises(LookupError, match=f"{dataset} {before}"):
        parquet_layout(month)


def test_the_original_layout_comes_before_that_of_a_reissue() -> None:
    original, reissued = csv_layouts(TripMonth("fhv", "2019-06"))
    assert (original.reissued, reissued.reissued) == (False, True)
    assert reissued.names[-1] == "Affiliated_base_number"


@pytest.mark.parametrize(
    "layout", [*CSV_LAYOUTS, *PARQUET_LAYOUTS], ids=lambda layout: f"{layout.dataset} {layout.first_month}"
)
def test_the_registry_knows_every_published_name_and_only_fhv_2018_names_a_column_twice(layout: Era) -> None:
    columns = published_columns(layout)
    assert len(columns) == len(layout.names)
    twice = isinstance(layout, CsvEra) and (layout.dataset, layout.first_month) == ("fhv", "2018-01")
    assert columns.count(None) == (1 if twice else 0)


def test_headers_and_what_follows_them_equal_the_real_files_byte_for_byte(real_data: Path) -> None:
    for file, month in real_heads(real_data / "heads"):
        layout = csv_layouts(month)[0]
        real = file.read_bytes()
        assert real.startswith(layout.head.encode("ascii")), f"{file.name}: {real[:300]!r}"
        assert real[len(layout.head) :].lstrip(b"\r\n") == real[len(layout.head) :], f"{file.name} has more blank lines"


def test_data_lines_of_the_real_files_have_the_fields_quotes_and_endings_of_their_layout(real_data: Path) -> None:
    for file, month in real_heads(real_data / "heads"):
        layout = csv_layouts(month)[0]
        text = file.read_bytes()[len(layout.head) :].decode("ascii")
        whole = text[: text.rindex("\n") + 1]  # a head ends in the middle of a line
        lines = whole.split(layout.line_ending)[:-1]
        assert len(lines) >= 3, file.name
        assert "\n" not in "".join(lines), f"{file.name} has other line endings too"
        for line in lines:
            assert len(next(csv.reader([line]))) == layout.fields, f"{file.name}: {line}"
            assert line.startswith('"') == layout.quoted, f"{file.name}: {line}"


def test_the_real_samples_of_2019_end_as_their_layout_says(real_data: Path) -> None:
    for name in ("2019-01", "2019-02"):
        layout = csv_layouts(TripMonth("yellow", name))[0]
        content = gzip.decompress((real_data / f"releases/yellow/yellow_tripdata_{name}.csv.gz").read_bytes())
        assert content.startswith(layout.head.encode("ascii"))
        assert content.count(b"\n") - content.count(b"\r\n") == 1
        assert content.endswith(b"\n")
        assert not content.endswith(b"\r\n")
        assert layout.last_line_ending == "\n"


def test_a_whole_real_parquet_month_has_the_columns_and_types_of_its_layout(real_data: Path) -> None:
    schema = pq.read_schema(real_data / "tlc/green_tripdata_2024-01.parquet")
    layout = parquet_layout(TripMonth("green", "2024-01"))
    assert [(field.name, str(field.type)) for field in schema] == [(name, kind.value) for name, kind in layout.columns]
