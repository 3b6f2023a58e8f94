"""A month's names, and the files that only get their name when they are whole."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir, published_atomically, remove_leftovers
from taxi_assets.datasets.months import TripMonth, months_between, shift_month


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_month_names_its_file_and_table() -> None:
    month = TripMonth("yellow", "2019-12")
    assert month.stem == "yellow_tripdata_2019-12"
    assert month.table == "yellow_tripdata"
    assert month.first_day == date(2019, 12, 1)
    assert month.next_month_first_day == date(2020, 1, 1)
    assert str(month) == "yellow 2019-12"


@pytest.mark.parametrize("text", ["2019-13", "2019-1", "201901", "2019-01-01", "../2019-01", "1999-01"])
def test_what_is_not_a_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="YYYY-MM"):
        TripMonth("yellow", text)


@pytest.mark.parametrize("ending", ["", ".csv", ".csv.gz", ".parquet", ".manifest.json"])
def test_a_file_tells_its_month_whatever_ends_its_name(ending: str) -> None:
    month = TripMonth("fhvhv", "2019-02")
    assert TripMonth.from_file_name(month.stem + ending) == month


@pytest.mark.parametrize(
    "name", ["yellow_2019-01.csv", "yellow_tripdata_2019-13.csv", "yellow_tripdata_2019-011.csv", "taxi_zones.csv", ""]
)
def test_a_file_with_another_name_has_no_month(name: str) -> None:
    with pytest.raises(ValueError, match="not named"):
        TripMonth.from_file_name(name)


def test_months_are_counted_over_the_ends_of_years() -> None:
    assert shift_month("2019-12", 1) == "2020-01"
    assert shift_month("2020-01", -13) == "2018-12"
    assert shift_month("2019-06", 0) == "2019-06"
    assert months_between("2019-11", "2020-02") == ["2019-11", "2019-12", "2020-01", "2020-02"]
    assert months_between("2019-11", "2019-11") == ["2019-11"]
    assert months_between("2019-11", "2019-10") == []


def test_paths_are_laid_out_as_the_readme_says(tmp_path: Path) -> None:
    data_dir, month = DataDir(tmp_path), TripMonth("green", "2020-04")
    assert data_dir.raw_dir("green") == tmp_path / "raw/green"
    assert data_dir.clean(month) == tmp_path / "clean/green/green_tripdata_2020-04.parquet"
    assert data_dir.rejected(month) == tmp_path / "rejected/green/green_tripdata_2020-04.parquet"
    assert data_dir.warehouse == tmp_path / "warehouse.duckdb"


def test_a_finished_file_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "file"
    for text in ("old", "new"):
        with published_atomically(target) as partial:
            partial.write_text(text)
    assert target.read_text() == "new"
    assert names_in(target.parent) == ["file"]


def test_an_error_keeps_the_old_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def write_half() -> None:
        with published_atomically(target) as partial:
            partial.write_text("ha")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["file"]


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    target = tmp_path / "file"
    killed = (
        "import os, pathlib, signal, sys; from taxi_assets.data_dir import published_atomically\n"
        "with published_atomically(pathlib.Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", killed, str(target)], check=False)
    assert len(names_in(tmp_path)) == 1
    with published_atomically(target) as partial:
        partial.write_text("whole")
        remove_leftovers(target)
        assert names_in(tmp_path) == [partial.name]
    assert target.read_text() == "whole"
