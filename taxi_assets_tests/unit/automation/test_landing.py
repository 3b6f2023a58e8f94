"""What becomes of files that are dropped into the landing folder."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.definitions import build_defs
from taxi_assets.errors import BrokenFileError, LayoutError
from taxi_assets.orchestration.automation.landing import Cursor, accept_finished, landing_sensor, run_requests
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.settings import load_settings
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets.steps.raw.recognise import recognise
from taxi_assets.steps.sample.layouts import CSV_LAYOUTS, PARQUET_LAYOUTS
from taxi_assets_tests.support.raw_months import YELLOW_2019, YELLOW_TRIP

HEADER = "hvfhs_license_num,dispatching_base_num,pickup_datetime,dropoff_datetime,PULocationID,DOLocationID,SR_Flag"


def sample(folder: Path, dataset: str, month: str) -> Path:
    """A synthetic month as it would be published."""
    return fetch_month(TripMonth(dataset, month), "sample", DataDir(folder), sample_rows=60).raw.path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    directory = DataDir(tmp_path)
    directory.landing.mkdir()
    return directory


ERAS = sorted({(layout.dataset, layout.first_month) for layout in (*CSV_LAYOUTS, *PARQUET_LAYOUTS)})


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "month"), ERAS)
def test_a_file_of_every_dataset_and_era_is_recognised_by_its_contents_alone(
    made: Path, tmp_path: Path, dataset: str, month: str
) -> None:
    dropped = tmp_path / "download"
    shutil.copy(sample(made, dataset, month), dropped)
    landed = recognise(dropped)
    if (dataset, month) == ("fhvhv", "2021-06"):
        # The course's release of this month has the columns of fhv; only its name tells.
        assert landed.month == TripMonth("fhv", month)
    else:
        assert landed.month == TripMonth(dataset, month)
    assert landed.recognised_by == "by its contents"


def test_real_files_are_recognised_by_their_contents_alone(real_data: Path, tmp_path: Path) -> None:
    for published in (*real_data.glob("releases/yellow/*"), *real_data.glob("tlc/*")):
        dropped = tmp_path / "download"
        shutil.copy(published, dropped)
        assert recognise(dropped).month.stem == published.name.split(".")[0]


@pytest.mark.parametrize(
    "name",
    [
        "fhvhv_tripdata_2021-06.csv",
        "FHVHV_TripData_2021-06.CSV",
        "fhvhv_tripdata_2021-06 (1).csv",
        "copy of fhvhv_tripdata_2021-06.txt",
    ],
)
def test_a_name_of_tlc_s_form_decides_between_datasets_that_look_alike(made: Path, tmp_path: Path, name: str) -> None:
    shutil.copy(sample(made, "fhvhv", "2021-06"), tmp_path / name)
    landed = recognise(tmp_path / name)
    assert landed.month == TripMonth("fhvhv", "2021-06")
    assert landed.recognised_by == "by its name"


def test_a_file_called_by_another_dataset_s_name_is_not_loaded_as_that(made: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "yellow_tripdata_2019-01.csv.gz"
    shutil.copy(sample(made, "green", "2019-01"), wrong)
    with pytest.raises(LayoutError, match="its name says yellow, its columns are those of green"):
        recognise(wrong)


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("empty.csv", b"", BrokenFileError, "is empty"),
        (
            "page.html",
            b"<!DOCTYPE html><html><body>Log in</body></html>",
            LayoutError,
            "these columns are not those of",
        ),
        ("notes.txt", b"buy milk\n", LayoutError, "these columns are not those of"),
        ("broken.csv.gz", b"\x1f\x8b\x08\x00 not gzip at all", BrokenFileError, "starts like gzip"),
        ("broken.parquet", b"PAR1 and no footer", BrokenFileError, "starts like Parquet"),
        ("headers.csv", f"{HEADER}\r\n".encode(), LayoutError, "no month has most of its pickup times"),
        (
            "years.csv",
            "\r\n".join(
                [HEADER, *(f"HV0003,B02764,{year}-01-01 00:00:00,,1,2," for year in range(2019, 2029))]
            ).encode(),
            LayoutError,
            "no month has most of its pickup times",
        ),
    ],
)
def test_what_is_no_month_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes, error: type[Exception], said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=said):
        recognise(tmp_path / name)


def test_a_file_is_left_alone_while_it_grows_and_taken_when_it_has_stopped(data_dir: DataDir, made: Path) -> None:
    whole = sample(made, "green", "2020-01").read_bytes()
    cursor, dropped = Cursor(), data_dir.landing / "upload.csv.gz"
    for end in (100, len(whole) // 2, len(whole)):
        dropped.write_bytes(whole[:end])
        accept_finished(data_dir, cursor)
        assert dropped.exists(), f"taken at {end} of {len(whole)} bytes"
        assert run_requests(data_dir, cursor) == []
    accept_finished(data_dir, cursor)
    assert not dropped.exists()
    [request] = run_requests(data_dir, cursor)
    assert (request.job_name, request.partition_key) == ("load_green", "2020-01")
    assert request.tags["landed_file"] == "green_tripdata_2020-01.csv.gz"
    assert (data_dir.accepted / "green" / "green_tripdata_2020-01.csv.gz").read_bytes() == whole


def test_a_file_of_the_same_size_that_is_written_again_waits_again(data_dir: DataDir, made: Path) -> None:
    cursor, dropped = Cursor(), data_dir.landing / "upload"
    shutil.copy(sample(made, "green", "2020-01"), dropped)
    accept_finished(data_dir, cursor)
    os.utime(dropped, ns=(1, 1))
    accept_finished(data_dir, cursor)
    assert dropped.exists()
    accept_finished(data_dir, cursor)
    assert not dropped.exists()


@pytest.mark.parametrize("name", [".hidden", "upload.part", "x.csv.crdownload", "x.tmp"])
def test_what_a_transfer_program_is_still_writing_is_not_looked_at(data_dir: DataDir, name: str) -> None:
    (data_dir.landing / name).write_bytes(b"half")
    cursor = Cursor()
    for _ in range(3):
        assert accept_finished(data_dir, cursor) == []
    assert (data_dir.landing / name).exists()


def drop(data_dir: DataDir, published: Path, name: str, cursor: Cursor) -> list[dg.RunRequest]:
    shutil.copy(published, data_dir.landing / name)
    accept_finished(data_dir, cursor)
    accept_finished(data_dir, cursor)
    return run_requests(data_dir, cursor)


def test_the_same_file_dropped_again_is_a_new_wish(data_dir: DataDir, made: Path) -> None:
    cursor, published = Cursor(), sample(made, "green", "2020-01")
    [first] = drop(data_dir, published, "a", cursor)
    assert run_requests(data_dir, cursor) == []
    [second] = drop(data_dir, published, "a", cursor)
    assert first.run_key != second.run_key


def test_another_format_of_a_month_takes_the_place_of_the_first(data_dir: DataDir, made: Path) -> None:
    cursor, published = Cursor(), sample(made, "green", "2020-01")
    drop(data_dir, published, "a.csv.gz", cursor)
    plain = data_dir.root / "plain.csv"
    plain.write_bytes(gzip.decompress(published.read_bytes()))
    [request] = drop(data_dir, plain, "b.csv", cursor)
    assert request.tags["landed_file"] == "green_tripdata_2020-01.csv"
    assert [path.name for path in (data_dir.accepted / "green").iterdir()] == ["green_tripdata_2020-01.csv"]


def test_a_tick_that_died_after_moving_a_file_is_made_up_for_by_the_next(data_dir: DataDir, made: Path) -> None:
    cursor = Cursor()
    shutil.copy(sample(made, "green", "2020-01"), data_dir.landing / "a")
    accept_finished(data_dir, cursor)
    kept = cursor.to_text()
    accept_finished(data_dir, cursor)  # the file is moved, then the process dies: neither request nor cursor get out
    [request] = run_requests(data_dir, Cursor.from_text(kept))
    assert request.partition_key == "2020-01"


def test_what_is_not_recognised_is_set_aside_once_with_a_note_and_never_in_place_of_another(data_dir: DataDir) -> None:
    cursor = Cursor()
    for content in (b"buy milk\n", b"buy bread\n"):
        (data_dir.landing / "notes.txt").write_bytes(content)
        accept_finished(data_dir, cursor)
        accept_finished(data_dir, cursor)
        assert run_requests(data_dir, cursor) == []
    assert list(data_dir.landing.glob("*.txt")) == []
    aside = {path.name: path.read_bytes() for path in data_dir.unrecognised.iterdir()}
    assert set(aside) == {"notes.txt", "notes.txt.txt", "notes-2.txt", "notes-2.txt.txt"}
    assert (aside["notes.txt"], aside["notes-2.txt"]) == (b"buy milk\n", b"buy bread\n")
    assert b"these columns are not those of" in aside["notes.txt.txt"]


def test_a_month_that_cannot_be_yet_is_set_aside(data_dir: DataDir, made: Path) -> None:
    cursor = Cursor()
    assert drop(data_dir, sample(made, "green", "2020-01"), "green_tripdata_2098-01.csv.gz", cursor) == []
    note = (data_dir.unrecognised / "green_tripdata_2098-01.csv.gz.txt").read_text()
    assert "it is green 2098-01, but green has the months 2013-08 to" in note


@pytest.mark.parametrize("text", [None, "", "not JSON", "{}", "[]", json.dumps({"waiting": 3, "requested": {}})])
def test_a_cursor_that_cannot_be_read_only_means_to_wait_once_more(
    data_dir: DataDir, made: Path, text: str | None
) -> None:
    shutil.copy(sample(made, "green", "2020-01"), data_dir.landing / "a")
    assert (data_dir.landing / "a").exists()
    cursor = Cursor.from_text(text)
    accept_finished(data_dir, cursor)
    accept_finished(data_dir, cursor)
    assert len(run_requests(data_dir, cursor)) == 1


def test_the_sensor_runs_without_a_landing_folder_and_says_so(tmp_path: Path) -> None:
    repository = build_defs(load_settings(taxi_source="sample", taxi_data_dir=tmp_path)).get_repository_def()
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(
            instance=instance, repository_def=repository, resources={"files": LocalFiles(root=str(tmp_path))}
        ) as context,
    ):
        result = landing_sensor(context)
    assert isinstance(result, dg.SensorResult)
    assert result.skip_reason is not None
    assert result.skip_reason.skip_message == f"{tmp_path / 'landing'} is empty"


def test_a_link_is_set_aside_unread(data_dir: DataDir, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the password is hunter2\n")
    (data_dir.landing / "yellow_tripdata_2019-01.csv").symlink_to(secret)
    cursor = Cursor()
    accept_finished(data_dir, cursor)
    done = accept_finished(data_dir, cursor)
    assert done == [
        "yellow_tripdata_2019-01.csv: set aside, yellow_tripdata_2019-01.csv: it is a link, which is not followed; "
        "drop the file itself"
    ]
    assert run_requests(data_dir, cursor) == []
    note = (data_dir.unrecognised / "yellow_tripdata_2019-01.csv.txt").read_text()
    assert "hunter2" not in note
    assert secret.exists()


def test_columns_that_are_skipped_on_purpose_are_skipped_here_too(data_dir: DataDir) -> None:
    dropped = data_dir.landing / "export.csv"
    dropped.write_text(f"TripID,{YELLOW_2019}\n7,{YELLOW_TRIP}\n", encoding="utf-8")
    with pytest.raises(LayoutError, match="these columns are not those of"):
        recognise(dropped)
    assert recognise(dropped, frozenset({"tripid"})).month == TripMonth("yellow", "2019-01")


@pytest.mark.parametrize("before", ["\n", "\r\n\r\n", "\ufeff"])
def test_blank_lines_may_stand_before_the_header(before: str, data_dir: DataDir) -> None:
    dropped = data_dir.landing / "export.csv"
    dropped.write_text(f"{before}{YELLOW_2019}\n{YELLOW_TRIP}\n", encoding="utf-8", newline="")
    assert recognise(dropped).month == TripMonth("yellow", "2019-01")


def test_two_columns_that_differ_in_case_are_known_by_their_own_names(data_dir: DataDir) -> None:
    names, values = [*YELLOW_2019.split(","), "airport_fee", "Airport_fee"], [*YELLOW_TRIP.split(","), "1.25", ""]
    dropped = data_dir.landing / "export.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([value]) for value in values], names), dropped)
    assert recognise(dropped).month == TripMonth("yellow", "2019-01")
