"""What becomes of files that are dropped into the landing folder."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import dagster as dg
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.definitions import build_defs
from taxi_assets.orchestration.automation.landing import Cursor, accept_finished, landing_sensor, run_requests
from taxi_assets.orchestration.resources.local_files import LocalFiles
from taxi_assets.settings import load_settings
from taxi_assets_tests.support.raw_months import YELLOW_2019, YELLOW_TRIP, sample_file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    directory = DataDir(tmp_path)
    directory.landing.mkdir()
    return directory


def test_a_file_is_left_alone_while_it_grows_and_taken_when_it_has_stopped(data_dir: DataDir, made: Path) -> None:
    whole = sample_file(made, "green", "2020-01").read_bytes()
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
    shutil.copy(sample_file(made, "green", "2020-01"), dropped)
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
    cursor, published = Cursor(), sample_file(made, "green", "2020-01")
    [first] = drop(data_dir, published, "a", cursor)
    assert run_requests(data_dir, cursor) == []
    [second] = drop(data_dir, published, "a", cursor)
    assert first.run_key != second.run_key


def test_another_format_of_a_month_takes_the_place_of_the_first(data_dir: DataDir, made: Path) -> None:
    cursor, published = Cursor(), sample_file(made, "green", "2020-01")
    drop(data_dir, published, "a.csv.gz", cursor)
    plain = data_dir.root / "plain.csv"
    plain.write_bytes(gzip.decompress(published.read_bytes()))
    [request] = drop(data_dir, plain, "b.csv", cursor)
    assert request.tags["landed_file"] == "green_tripdata_2020-01.csv"
    assert [path.name for path in (data_dir.accepted / "green").iterdir()] == ["green_tripdata_2020-01.csv"]


def test_a_tick_that_died_after_moving_a_file_is_made_up_for_by_the_next(data_dir: DataDir, made: Path) -> None:
    cursor = Cursor()
    shutil.copy(sample_file(made, "green", "2020-01"), data_dir.landing / "a")
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
    assert drop(data_dir, sample_file(made, "green", "2020-01"), "green_tripdata_2098-01.csv.gz", cursor) == []
    note = (data_dir.unrecognised / "green_tripdata_2098-01.csv.gz.txt").read_text()
    assert "it is green 2098-01, but green has the months 2013-08 to" in note


@pytest.mark.parametrize("text", [None, "", "not JSON", "{}", "[]", json.dumps({"waiting": 3, "requested": {}})])
def test_a_cursor_that_cannot_be_read_only_means_to_wait_once_more(
    data_dir: DataDir, made: Path, text: str | None
) -> None:
    shutil.copy(sample_file(made, "green", "2020-01"), data_dir.landing / "a")
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


def test_the_sensor_takes_an_export_with_dates_of_the_us_and_sets_aside_what_could_be_two_months(
    data_dir: DataDir,
) -> None:
    header = YELLOW_2019
    for name, days in (("export.csv", ("05", "25", "09")), ("one day.csv", ("05", "05", "05"))):
        trips = (YELLOW_TRIP.replace("2019-01-01 00", f"01/{day}/2019 00") for day in days)
        text = "\n".join([header, *(trip.replace("2019-01-01", "") for trip in trips), ""])
        (data_dir.landing / name).write_text(text, encoding="utf-8")
    repository = build_defs(load_settings(taxi_source="sample", taxi_data_dir=data_dir.root)).get_repository_def()
    cursor, wanted = None, []
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            with dg.build_sensor_context(
                instance=instance,
                repository_def=repository,
                resources={"files": LocalFiles(root=str(data_dir.root))},
                cursor=cursor,
            ) as context:
                result = landing_sensor(context)
            assert isinstance(result, dg.SensorResult)
            cursor = result.cursor
            wanted += result.run_requests or []
    assert [(request.job_name, request.partition_key) for request in wanted] == [("load_yellow", "2019-01")]
    note = (data_dir.unrecognised / "one day.csv.txt").read_text()
    assert "2019-01 if the month stands first in its dates, and of 2019-05 if the day does" in note
