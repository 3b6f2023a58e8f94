"""The lake of the local target, on real file systems."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import (
    BrokenFileError,
    FileChangedError,
    NotMaterializedError,
    StoreAccessError,
)
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.lake.copy import LakeMonth, copy_month, fetch_clean, has_bytes, lake_rows
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.lake.lake import clean_name, raw_name
from taxi_assets_tests.support.clean_months import footer_of
from taxi_assets_tests.support.damage import rot_parquet
from taxi_assets_tests.support.lake_months import GREEN, YELLOW, replace_file, write_clean, write_month, write_raw
from taxi_assets_tests.support.raw_months import csv_month, csv_of_trips


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.fixture
def lake(data_dir: DataDir) -> FolderLake:
    return FolderLake(data_dir.lake)


@pytest.fixture
def other_file_system(tmp_path: Path) -> Iterator[Path]:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system, and /dev/shm is not one here")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def put(data_dir: DataDir, lake: FolderLake, month: TripMonth, rows: int, seed: int = 1) -> LakeMonth:
    return copy_month(*write_month(data_dir, month, rows, seed=seed), lake)


def test_a_month_lands_under_the_names_of_the_contract(data_dir: DataDir, lake: FolderLake) -> None:
    raw, clean = write_month(data_dir, YELLOW, 20)

    copied = copy_month(raw, clean, lake)

    assert contents(data_dir.lake) == {
        "raw/yellow/yellow_tripdata_2019-01.csv.gz": raw.path.read_bytes(),
        "clean/yellow/yellow_tripdata_2019-01.parquet": clean.path.read_bytes(),
    }
    assert copied.clean_uri == (data_dir.lake / clean_name(YELLOW)).as_uri()
    assert (copied.rows, copied.uploaded, copied.unchanged) == (20, 2, False)
    assert copied.bytes == raw.bytes + clean.path.stat().st_size


def test_files_are_linked_so_that_a_month_takes_its_space_once(data_dir: DataDir, lake: FolderLake) -> None:
    raw, clean = write_month(data_dir, YELLOW, 20)
    copy_month(raw, clean, lake)
    assert (data_dir.lake / clean_name(YELLOW)).samefile(clean.path)


def test_files_are_copied_where_links_are_impossible(data_dir: DataDir, other_file_system: Path) -> None:
    lake = FolderLake(other_file_system / "lake")
    raw, clean = write_month(data_dir, YELLOW, 20)

    assert copy_month(raw, clean, lake).uploaded == 2
    assert (other_file_system / "lake" / clean_name(YELLOW)).read_bytes() == clean.path.read_bytes()
    assert copy_month(raw, clean, lake).unchanged


def test_a_second_copy_writes_nothing(data_dir: DataDir, lake: FolderLake) -> None:
    put(data_dir, lake, YELLOW, 20)
    before = {path: path.stat() for path in data_dir.lake.rglob("*")}

    # The same bytes in a new file, as a cleaning that is run again leaves them.
    again = put(data_dir, lake, YELLOW, 20)

    assert again.unchanged
    assert {path: path.stat().st_mtime_ns for path in data_dir.lake.rglob("*")} == {
        path: stat.st_mtime_ns for path, stat in before.items()
    }


def test_a_changed_month_replaces_its_own_files_only(data_dir: DataDir, lake: FolderLake) -> None:
    put(data_dir, lake, YELLOW, 20)
    put(data_dir, lake, GREEN, 20)
    before = contents(data_dir.lake)

    changed = put(data_dir, lake, YELLOW, 30, seed=2)

    after = contents(data_dir.lake)
    assert changed.uploaded == 2
    assert {name for name in after if after[name] != before[name]} == {name for name in after if "yellow" in name}
    assert lake_rows(lake, YELLOW) == 30


def test_a_month_that_is_cleaned_again_does_not_change_the_lake_until_it_is_copied(
    data_dir: DataDir, lake: FolderLake
) -> None:
    put(data_dir, lake, YELLOW, 20)
    before = contents(data_dir.lake)
    write_month(data_dir, YELLOW, 30, seed=2)
    assert contents(data_dir.lake) == before


def test_the_raw_file_of_an_older_edition_is_removed(data_dir: DataDir, lake: FolderLake) -> None:
    put(data_dir, lake, YELLOW, 20)
    put(data_dir, lake, TripMonth("yellow", "2019-02"), 20)

    copied = copy_month(*write_month(data_dir, YELLOW, 20, file_format="parquet"), lake)

    assert copied.removed == 1
    assert lake.names("raw/yellow/") == [
        "raw/yellow/yellow_tripdata_2019-01.parquet",
        "raw/yellow/yellow_tripdata_2019-02.csv.gz",
    ]


def test_a_clean_month_of_another_raw_file_is_refused_and_the_lake_stays(data_dir: DataDir, lake: FolderLake) -> None:
    raw, clean = write_month(data_dir, YELLOW, 20)
    copy_month(raw, clean, lake)
    before = contents(data_dir.lake)
    newer = write_raw(data_dir, YELLOW, 25, seed=2)

    with pytest.raises(BrokenFileError, match="Materialize clean/yellow_tripdata 2019-01 first"):
        copy_month(newer, clean, lake)

    assert contents(data_dir.lake) == before


def test_a_local_file_that_is_gone_is_named_and_the_lake_stays(data_dir: DataDir, lake: FolderLake) -> None:
    raw, clean = write_month(data_dir, YELLOW, 20)
    raw.path.unlink()
    with pytest.raises(FileChangedError, match=r"yellow_tripdata_2019-01\.csv\.gz: another run replaced or removed"):
        copy_month(raw, clean, lake)
    assert contents(data_dir.lake) == {}


def test_a_raw_file_that_rotted_does_not_reach_the_lake(data_dir: DataDir, lake: FolderLake) -> None:
    raw, clean = write_month(data_dir, YELLOW, 20)
    content = raw.path.read_bytes()
    raw.path.write_bytes(content[:-2] + bytes([content[-2] ^ 4]) + content[-1:])
    with pytest.raises(BrokenFileError, match="not what was fetched"):
        copy_month(raw, clean, lake)
    assert contents(data_dir.lake) == {}


def test_a_clean_file_that_rotted_does_not_reach_the_lake(data_dir: DataDir, lake: FolderLake) -> None:
    raw = csv_month(data_dir, csv_of_trips(500))
    clean = clean_month(raw, data_dir)
    copy_month(raw, clean, lake)
    rot_parquet(clean.path, decodes=True)  # the lake's object too: it is a link

    with pytest.raises(BrokenFileError, match="not what was cleaned"):
        copy_month(raw, clean, lake)

    healed = clean_month(raw, data_dir)
    copy_month(raw, healed, lake)
    assert (lake.root / clean_name(YELLOW)).read_bytes() == healed.path.read_bytes()


def test_a_clean_file_that_was_replaced_since_it_was_looked_at_is_not_copied_under_its_name(
    data_dir: DataDir, lake: FolderLake
) -> None:
    raw, clean = write_month(data_dir, YELLOW, 20)
    write_clean(clean.path, YELLOW, 20, footer=footer_of(replace(clean, content_id="newer")))
    with pytest.raises(FileChangedError, match=r"2019-01\.parquet: another run replaced"):
        copy_month(raw, clean, lake)
    assert contents(data_dir.lake) == {}
    assert sorted(path.name for path in clean.path.parent.iterdir()) == [clean.path.name]


def test_an_object_has_its_bytes_or_others_of_the_same_size(data_dir: DataDir, lake: FolderLake) -> None:
    raw, clean = write_month(data_dir, YELLOW, 20)
    copy_month(raw, clean, lake)
    name = raw_name("yellow", raw.path.name)
    assert has_bytes(lake, name, raw.sha256)
    assert not has_bytes(lake, "raw/yellow/yellow_tripdata_2019-02.csv.gz", raw.sha256)
    replace_file(data_dir.lake / name, bytes(raw.bytes))
    assert not has_bytes(lake, name, raw.sha256)


def test_a_place_that_cannot_be_written_is_an_error_that_names_it(data_dir: DataDir) -> None:
    data_dir.root.mkdir()
    data_dir.lake.write_text("a file where the folder should be")
    with pytest.raises(StoreAccessError, match="something else lies in the way"):
        put(data_dir, FolderLake(data_dir.lake), YELLOW, 20)


def test_unfinished_files_are_not_objects_and_those_of_the_dead_are_removed(
    data_dir: DataDir, lake: FolderLake
) -> None:
    put(data_dir, lake, YELLOW, 20)
    target = data_dir.lake / clean_name(YELLOW)
    ended = multiprocessing.get_context("spawn").Process(target=os.getpid)
    ended.start()
    ended.join()
    left = target.with_name(f".{target.name}.{ended.pid}-0123abcd.partial")
    left.write_bytes(b"half")

    assert lake.names("clean/yellow/") == [clean_name(YELLOW)]
    put(data_dir, lake, YELLOW, 30, seed=2)
    assert not left.exists()


def test_rows_are_those_of_the_object_itself(data_dir: DataDir, lake: FolderLake) -> None:
    put(data_dir, lake, YELLOW, 20)
    write_clean(data_dir.lake / clean_name(YELLOW), YELLOW, 19)
    assert lake_rows(lake, YELLOW) == 19


def test_a_broken_object_is_named(data_dir: DataDir, lake: FolderLake) -> None:
    put(data_dir, lake, YELLOW, 20)
    replace_file(data_dir.lake / clean_name(YELLOW), b"PAR1 but not really")
    with pytest.raises(BrokenFileError, match="not a Parquet file"):
        lake_rows(lake, YELLOW)


def test_a_month_that_is_not_in_the_lake_says_what_to_materialize(lake: FolderLake, tmp_path: Path) -> None:
    assert lake.stat(clean_name(YELLOW)) is None
    with pytest.raises(NotMaterializedError, match="materialize"):
        lake_rows(lake, YELLOW)
    with pytest.raises(NotMaterializedError, match="materialize lake/yellow_tripdata"):
        fetch_clean(lake, YELLOW, tmp_path / "fetched.parquet")
    assert not (tmp_path / "fetched.parquet").exists()


def test_a_fetched_month_has_a_life_of_its_own(data_dir: DataDir, lake: FolderLake, tmp_path: Path) -> None:
    put(data_dir, lake, YELLOW, 20)
    fetched = tmp_path / "elsewhere" / "fetched.parquet"

    fetch_clean(lake, YELLOW, fetched)

    assert fetched.read_bytes() == (data_dir.lake / clean_name(YELLOW)).read_bytes()
    assert not fetched.samefile(data_dir.lake / clean_name(YELLOW))


def test_progress_ends_at_the_bytes_of_both_files(data_dir: DataDir, lake: FolderLake) -> None:
    raw, clean = write_month(data_dir, YELLOW, 20)
    told: list[tuple[int, int | None]] = []
    copied = copy_month(raw, clean, lake, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (copied.bytes, copied.bytes)


def _copy_often(root: Path, seed: int) -> None:
    private = DataDir(root / f"writer-{seed}")
    lake = FolderLake(root / "lake")
    versions = [private.root / f"{rows}.parquet" for rows in (50, 100)]
    for path in versions:
        write_clean(path, YELLOW, int(path.stem), seed=seed)
    for path in versions * 50:
        lake.put(path, clean_name(YELLOW), metadata={})


@pytest.mark.slow
def test_several_writers_at_once_leave_whole_files(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_copy_often, args=(tmp_path, seed)) for seed in (1, 2)]
    for writer in writers:
        writer.start()
    lake, counts = FolderLake(tmp_path / "lake"), set[int]()
    while any(writer.is_alive() for writer in writers):
        if lake.stat(clean_name(YELLOW)):
            counts.add(lake_rows(lake, YELLOW))
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert counts <= {50, 100}
    assert [path.name for path in (tmp_path / "lake").rglob("*.partial")] == []
