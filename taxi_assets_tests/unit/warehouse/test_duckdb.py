"""The warehouse of the local target: a DuckDB catalogue over a real lake folder."""

from __future__ import annotations

import csv
import hashlib
import multiprocessing
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import TAXI_ZONES
from taxi_assets.errors import BrokenFileError, LayoutError, NotMaterializedError
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets.steps.lake.copy import copy_month
from taxi_assets.steps.lake.lake import clean_name
from taxi_assets.steps.warehouse.load import load_month, load_zones
from taxi_assets.steps.warehouse.warehouse import WarehouseMonth
from taxi_assets_tests.support.lake_months import GREEN, YELLOW, replace_file, write_clean, write_month, write_raw
from taxi_assets_tests.support.mart_places import LocalPlace

FEBRUARY = TripMonth("yellow", "2019-02")


class Place(LocalPlace):
    def load(self, month: TripMonth, rows: int, seed: int = 1) -> WarehouseMonth:
        copy_month(*write_month(self.data_dir, month, rows, seed=seed), self.lake)
        return load_month(month, self.lake, self.warehouse)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(DataDir(tmp_path / "data"))


def test_views_over_an_empty_lake_have_every_column_typed_and_no_rows(place: Place) -> None:
    place.warehouse.refresh()
    for dataset in DATASETS.values():
        described = place.query(f"DESCRIBE {dataset.table}")
        assert [(row[0], row[1]) for row in described] == [(c.name, c.type.to_query) for c in dataset.table_columns]
        assert place.query(f"SELECT count(*) FROM {dataset.table}") == [(0,)]


def test_a_month_of_the_lake_is_shown_and_a_second_load_changes_nothing(place: Place) -> None:
    first = place.load(YELLOW, 20)
    catalogue = place.data_dir.warehouse.stat()

    second = place.load(YELLOW, 20)

    assert (first.rows, first.unchanged) == (20, False)
    assert (second.rows, second.unchanged) == (20, True)
    assert place.data_dir.warehouse.stat().st_ino == catalogue.st_ino
    assert place.query("SELECT DISTINCT file_month::text FROM yellow_tripdata") == [("2019-01-01",)]


def test_months_do_not_mix(place: Place) -> None:
    place.load(YELLOW, 20)
    place.load(FEBRUARY, 30)
    place.load(YELLOW, 25, seed=2)
    assert (place.warehouse.count(YELLOW), place.warehouse.count(FEBRUARY)) == (25, 30)
    assert place.warehouse.count(GREEN) == 0


def test_codes_of_the_views_are_wide_enough_and_a_month_is_still_found_by_its_statistics(place: Place) -> None:
    place.load(YELLOW, 20)
    place.load(FEBRUARY, 30)
    file = place.data_dir.clean(YELLOW)
    stored = duckdb.execute("SELECT pulocationid::BIGINT * 1000 FROM read_parquet(?)", [str(file)]).fetchall()
    month = "FROM yellow_tripdata WHERE file_month = DATE '2019-01-01'"
    assert sorted(place.query(f"SELECT pulocationid * 1000 {month}")) == sorted(stored)
    [(_, plan)] = place.query(f"EXPLAIN ANALYZE SELECT count(total_amount) {month}")
    assert "Row Groups Scanned: 1 / 2" in plan


def test_totals_are_the_sums_of_the_file(place: Place) -> None:
    place.load(YELLOW, 20)
    file = place.data_dir.clean(YELLOW)
    [expected] = duckdb.execute("SELECT sum(total_amount) FROM read_parquet(?)", [str(file)]).fetchone() or ()
    assert place.warehouse.total(YELLOW, "total_amount") == expected
    assert place.warehouse.total(FEBRUARY, "total_amount") is None
    with pytest.raises(KeyError, match="nonsense"):
        place.warehouse.total(YELLOW, "nonsense")


def test_files_that_were_cleaned_before_a_column_was_known_show_it_as_null(place: Place) -> None:
    older = ("airport_fee", "congestion_surcharge")
    write_clean(place.data_dir.lake / clean_name(YELLOW), YELLOW, 20, without=older)
    assert load_month(YELLOW, place.lake, place.warehouse).rows == 20
    assert place.query("SELECT count(congestion_surcharge) FROM yellow_tripdata") == [(0,)]

    place.load(FEBRUARY, 30)
    counted = "SELECT file_month::text, count(congestion_surcharge) FROM yellow_tripdata GROUP BY 1 ORDER BY 1"
    assert place.query(counted) == [("2019-01-01", 0), ("2019-02-01", 30)]


def test_unfinished_and_foreign_files_are_not_shown(place: Place) -> None:
    place.load(YELLOW, 20)
    folder = place.data_dir.lake / "clean" / "yellow"
    for name in (
        ".yellow_tripdata_2019-03.parquet.1-ab.partial",
        "yellow_tripdata_2019-03.parquet.tmp",
        "mine.parquet",
    ):
        (folder / name).write_bytes(b"half")
    assert place.query("SELECT count(*) FROM yellow_tripdata") == [(20,)]


def test_views_and_columns_say_what_they_are(place: Place) -> None:
    place.warehouse.refresh()
    [(comment,)] = place.query(
        "SELECT comment FROM duckdb_views() WHERE view_name = 'green_tripdata' AND schema_name = 'main'"
    )
    assert DATASETS["green"].description in str(comment)
    comments = place.query(
        "SELECT column_name, comment FROM duckdb_columns() "
        "WHERE table_name = 'green_tripdata' AND schema_name = 'main' ORDER BY column_index"
    )
    assert [name for name, said in comments if said] == [column.name for column in DATASETS["green"].table_columns]
    assert dict(comments)["trip_distance"].endswith("[miles]")


def test_an_open_connection_goes_on_while_the_catalogue_is_replaced(place: Place) -> None:
    place.load(YELLOW, 20)
    code = (
        "import duckdb, sys\n"
        "open_one = duckdb.connect(sys.argv[1], read_only=True)\n"
        "for line in sys.stdin:\n"
        "    print(open_one.execute(line).fetchall(), flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(place.data_dir.warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as person:
        assert person.stdin is not None
        assert person.stdout is not None

        def ask(sql: str) -> str:
            person.stdin.write(sql + "\n")
            person.stdin.flush()
            return person.stdout.readline().strip()

        assert ask("SELECT count(*) FROM yellow_tripdata") == "[(20,)]"
        place.load(YELLOW, 25, seed=2)
        assert place.load(GREEN, 30).unchanged is False  # the first file of green changes its view
        assert ask("SELECT count(*) FROM yellow_tripdata") == "[(20,)]", "the month as it was when it connected"
        assert ask("SELECT count(*) FROM green_tripdata") == "[(0,)]"
        person.stdin.close()
    assert place.query("SELECT (SELECT count(*) FROM yellow_tripdata), (SELECT count(*) FROM green_tripdata)") == [
        (25, 30)
    ]


def test_a_connection_of_the_same_process_does_not_hide_the_new_catalogue(place: Place) -> None:
    place.load(YELLOW, 20)
    with duckdb.connect(str(place.data_dir.warehouse), read_only=True):
        assert place.load(GREEN, 30).rows == 30


def test_a_person_who_holds_the_file_for_writing_does_not_stop_a_load(place: Place) -> None:
    place.load(YELLOW, 20)
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(place.data_dir.warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as person:
        assert person.stdout is not None
        assert person.stdout.readline() == "open\n"
        assert place.load(GREEN, 30).rows == 30
        person.communicate()


def test_a_damaged_catalogue_is_made_anew(place: Place) -> None:
    place.load(YELLOW, 20)
    place.data_dir.warehouse.write_bytes(b"not a database" * 1000)
    assert place.load(YELLOW, 20).rows == 20
    assert place.query("SELECT count(*) FROM yellow_tripdata") == [(20,)]


def test_a_broken_file_of_the_lake_is_named_and_the_catalogue_stays(place: Place) -> None:
    place.load(YELLOW, 20)
    before = place.data_dir.warehouse.read_bytes()
    replace_file(place.data_dir.lake / clean_name(FEBRUARY), b"PAR1 but not really")
    with pytest.raises(BrokenFileError, match=r"yellow_tripdata_2019-02\.parquet"):
        load_month(FEBRUARY, place.lake, place.warehouse)
    assert place.data_dir.warehouse.read_bytes() == before


def test_a_month_that_is_not_in_the_lake_says_what_to_materialize(place: Place) -> None:
    with pytest.raises(NotMaterializedError, match="materialize lake/yellow_tripdata"):
        load_month(YELLOW, place.lake, place.warehouse)


def _load_months(root: Path, dataset: str, months: list[str]) -> None:
    place = Place(DataDir(root))
    for month in months:
        assert place.load(TripMonth(dataset, month), 10).rows == 10


@pytest.mark.slow
def test_several_runs_at_once_lose_nothing(tmp_path: Path) -> None:
    months = ["2019-02", "2019-03"]
    context = multiprocessing.get_context("spawn")
    runs = [context.Process(target=_load_months, args=(tmp_path, dataset, months)) for dataset in ("yellow", "green")]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0] * len(runs)
    place = Place(DataDir(tmp_path))
    for table in ("yellow_tripdata", "green_tripdata"):
        assert place.query(f"SELECT count(*), count(DISTINCT file_month) FROM {table}") == [(20, 2)]
    assert list(tmp_path.rglob("*.partial")) == []


def zones_file(data_dir: DataDir, text: str) -> RawFile:
    raw = write_raw(data_dir, YELLOW, 1)
    path = data_dir.raw_dir(TAXI_ZONES.name) / TAXI_ZONES.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode())
    return replace(raw, path=path, sha256=hashlib.sha256(text.encode()).hexdigest())


def test_the_zone_lookup_is_shown_typed(place: Place, real_data: Path) -> None:
    raw = zones_file(place.data_dir, (real_data / "misc" / "taxi_zone_lookup.csv").read_text())
    assert load_zones(raw, place.lake, place.warehouse).rows == 265
    lines = csv.reader(raw.path.read_text().splitlines()[1:])
    published = sorted((int(number), *names) for number, *names in lines)
    assert place.query("SELECT * FROM taxi_zones ORDER BY locationid") == published
    assert load_zones(raw, place.lake, place.warehouse).unchanged


@pytest.mark.parametrize("text", ["a,b\r\n1,2\r\n", "LocationID,Borough,Zone,service_zone\r\nx,a,b,c\r\n"])
def test_something_else_than_the_zone_lookup_is_refused(place: Place, text: str) -> None:
    with pytest.raises((LayoutError, BrokenFileError), match=TAXI_ZONES.file_name):
        load_zones(zones_file(place.data_dir, text), place.lake, place.warehouse)
    assert place.lake.names("clean/taxi_zones/") == []
