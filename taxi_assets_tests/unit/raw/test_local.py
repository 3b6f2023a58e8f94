"""Months from a folder and from the sample."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import BrokenFileError, NotPublishedError, SettingsError, SourceUnavailableError
from taxi_assets.steps.files.progress import no_progress
from taxi_assets.steps.raw.fetch import fetch_month, fetch_zones, probe_month
from taxi_assets.steps.raw.local import FolderOrigin
from taxi_assets.steps.raw.sources import FileRequest, folder_candidates, validator_of
from taxi_assets_tests.support.published_files import (
    MONTH,
    PATH,
    csv_gz,
    csv_text,
    leftovers,
    manifest,
    parquet,
    visible_files,
)


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    (folder / "yellow").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("place", ["yellow/", ""])
@pytest.mark.parametrize(
    ("file_format", "content"), [("csv.gz", csv_gz(30)), ("csv", csv_text(30)), ("parquet", parquet(30))]
)
def test_a_month_is_copied_as_published(
    folder: Path, data_dir: DataDir, place: str, file_format: str, content: bytes
) -> None:
    source = folder / f"{place}yellow_tripdata_2019-01.{file_format}"
    source.write_bytes(content)
    os.utime(source, (1_660_000_000, 1_660_000_000))

    raw = fetch_month(MONTH, str(folder), data_dir).raw

    assert raw.path.read_bytes() == content
    assert (raw.source, raw.format, raw.published_rows) == (str(source), file_format, 30)
    assert raw.last_modified == "Mon, 08 Aug 2022 23:06:40 GMT"
    assert manifest(data_dir) == raw
    assert not leftovers(data_dir)


def test_an_unchanged_month_is_not_copied_again(folder: Path, data_dir: DataDir) -> None:
    (folder / f"{PATH}.csv.gz").write_bytes(csv_gz(30))
    first = fetch_month(MONTH, str(folder), data_dir)
    inode = first.raw.path.stat().st_ino

    second = fetch_month(MONTH, str(folder), data_dir)

    assert (first.unchanged, second.unchanged) == (False, True)
    assert second.raw == first.raw
    assert first.raw.path.stat().st_ino == inode


def test_an_edit_in_place_of_the_same_size_within_a_second_is_seen(folder: Path, data_dir: DataDir) -> None:
    source = folder / f"{PATH}.csv"
    source.write_bytes(csv_text(30, seed=1))
    os.utime(source, ns=(1_660_000_000_000_000_001,) * 2)
    fetch_month(MONTH, str(folder), data_dir)
    with source.open("r+b") as file:
        file.write(csv_text(30, seed=2))
    os.utime(source, ns=(1_660_000_000_000_000_002,) * 2)

    fetched = fetch_month(MONTH, str(folder), data_dir)

    assert not fetched.unchanged
    assert fetched.raw.path.read_bytes() == csv_text(30, seed=2)


def test_what_is_done_to_the_folder_later_does_not_reach_our_copy(folder: Path, data_dir: DataDir) -> None:
    source = folder / f"{PATH}.csv"
    source.write_bytes(csv_text(30))
    raw = fetch_month(MONTH, str(folder), data_dir).raw
    with source.open("r+b") as file:
        file.write(b"overwritten")

    assert raw.path.read_bytes() == csv_text(30)


def test_a_file_that_grows_while_it_is_copied_is_not_taken(folder: Path, data_dir: DataDir) -> None:
    source = folder / f"{PATH}.csv"
    source.write_bytes(csv_text(10))
    fetch_month(MONTH, str(folder), data_dir)
    before = visible_files(data_dir)
    source.write_bytes(csv_text(30_000))

    def still_writing(done: int, total: int | None) -> None:
        with source.open("ab") as file:
            file.write(b"1,more\r\n")

    with pytest.raises(SourceUnavailableError, match="changed while it was being copied"):
        fetch_month(MONTH, str(folder), data_dir, on_progress=still_writing)

    assert visible_files(data_dir) == before
    assert not leftovers(data_dir)


def test_a_file_that_is_edited_in_place_while_it_is_copied_is_not_taken(folder: Path, data_dir: DataDir) -> None:
    source = folder / f"{PATH}.csv"
    source.write_bytes(csv_text(30_000))

    def edit_behind_the_copy(done: int, total: int | None) -> None:
        with source.open("r+b") as file:
            file.seek(100)
            file.write(b"9")

    with pytest.raises(SourceUnavailableError, match="changed while it was being copied"):
        fetch_month(MONTH, str(folder), data_dir, on_progress=edit_behind_the_copy)

    assert visible_files(data_dir) == {}
    assert not leftovers(data_dir)


def test_a_broken_file_leaves_the_old_month(folder: Path, data_dir: DataDir) -> None:
    source = folder / f"{PATH}.csv.gz"
    source.write_bytes(csv_gz(30))
    fetch_month(MONTH, str(folder), data_dir)
    before = visible_files(data_dir)
    source.write_bytes(csv_gz(30)[:-20])

    with pytest.raises(BrokenFileError, match="truncated") as refusal:
        fetch_month(MONTH, str(folder), data_dir)

    assert f"yellow 2019-01 from {source}" in str(refusal.value)
    assert visible_files(data_dir) == before
    assert not leftovers(data_dir)


def test_a_month_that_the_folder_lacks_is_not_published(folder: Path, data_dir: DataDir) -> None:
    with pytest.raises(NotPublishedError, match=f"looked for .*{PATH}.csv.gz, .*yellow_tripdata_2019-01.csv"):
        fetch_month(MONTH, str(folder), data_dir)


def test_a_folder_that_is_gone_may_come_back(folder: Path, data_dir: DataDir) -> None:
    shutil.rmtree(folder)

    with pytest.raises(SourceUnavailableError, match="mount it"):
        fetch_month(MONTH, str(folder), data_dir)
    with pytest.raises(SourceUnavailableError):
        probe_month(MONTH, str(folder))


def test_a_file_that_cannot_be_read_is_not_ours_to_have(folder: Path, data_dir: DataDir) -> None:
    """A link in circles: unlike missing permissions it stops root as well."""
    link = folder / f"{PATH}.csv.gz"
    link.symlink_to(link)

    with pytest.raises(NotPublishedError):
        fetch_month(MONTH, str(folder), data_dir)


@pytest.mark.parametrize("place", ["raw", "raw/yellow"])
def test_our_own_raw_folder_is_no_source(data_dir: DataDir, place: str) -> None:
    own = data_dir.root / place
    (data_dir.root / "raw" / "yellow").mkdir(parents=True)
    for file_format, content in (("csv.gz", csv_gz(10)), ("parquet", parquet(10))):
        (data_dir.root / "raw" / f"{PATH}.{file_format}").write_bytes(content)
    before = visible_files(data_dir)

    with pytest.raises(SettingsError, match="own raw folder"):
        fetch_month(MONTH, str(own), data_dir)

    assert visible_files(data_dir) == before


@pytest.mark.parametrize("place", ["misc/taxi_zone_lookup.csv", "taxi_zone_lookup.csv"])
def test_the_zone_lookup_comes_from_a_folder(folder: Path, data_dir: DataDir, place: str) -> None:
    (folder / "misc").mkdir()
    (folder / place).write_bytes(b"LocationID\n1\n")

    raw = fetch_zones(str(folder), data_dir)

    assert raw.path == data_dir.root / "raw" / "taxi_zones" / "taxi_zone_lookup.csv"
    assert (raw.source, raw.published_rows) == (str(folder / place), 1)


def test_a_probe_of_a_folder_tells_when_its_file_changes(folder: Path, data_dir: DataDir) -> None:
    missing = probe_month(MONTH, str(folder))
    (folder / f"{PATH}.csv.gz").write_bytes(csv_gz(30))
    there = probe_month(MONTH, str(folder))
    raw = fetch_month(MONTH, str(folder), data_dir).raw
    os.utime(folder / f"{PATH}.csv.gz", (1, 1))

    assert (missing.published, missing.validator) == (False, None)
    assert missing.url == there.url == str(folder / f"{PATH}.csv.gz")
    assert there.published
    assert there.validator == validator_of(raw)
    assert probe_month(MONTH, str(folder)).validator != there.validator


def test_real_files_come_from_a_folder(real_data: Path, data_dir: DataDir) -> None:
    for month in ("2019-01", "2019-02", "2020-03", "2020-04"):
        raw = fetch_month(TripMonth("yellow", month), str(real_data / "releases"), data_dir).raw
        assert raw.published_rows == 10_000
    tlc = fetch_month(TripMonth("green", "2024-01"), str(real_data / "tlc"), data_dir).raw
    assert (tlc.published_rows, tlc.format) == (56_551, "parquet")
    assert fetch_zones(str(real_data), data_dir).published_rows == 265


@pytest.mark.parametrize(("month", "file_format"), [("2019-01", "csv.gz"), ("2024-01", "parquet")])
def test_the_sample_is_made_once_and_says_that_it_is_synthetic(data_dir: DataDir, month: str, file_format: str) -> None:
    trip_month = TripMonth("yellow", month)

    first = fetch_month(trip_month, "sample", data_dir, sample_rows=500)
    second = fetch_month(trip_month, "sample", data_dir, sample_rows=500)

    assert (first.unchanged, second.unchanged) == (False, True)
    assert second.raw == first.raw == manifest(data_dir, trip_month)
    assert (first.raw.source, first.raw.synthetic, first.raw.format) == ("sample", True, file_format)
    assert first.raw.published_rows == 500
    assert not leftovers(data_dir)


def test_another_number_of_sample_rows_makes_the_month_anew(data_dir: DataDir) -> None:
    fetch_month(MONTH, "sample", data_dir, sample_rows=500)

    fetched = fetch_month(MONTH, "sample", data_dir, sample_rows=501)

    assert not fetched.unchanged
    assert fetched.raw.published_rows == 501


def test_a_probe_of_the_sample_knows_recipe_and_rows(data_dir: DataDir) -> None:
    probe = probe_month(MONTH, "sample", sample_rows=500)
    raw = fetch_month(MONTH, "sample", data_dir, sample_rows=500).raw

    assert (probe.url, probe.published) == ("sample", True)
    assert probe.validator == validator_of(raw)
    assert probe_month(MONTH, "sample", sample_rows=501).validator != probe.validator


def test_real_trips_take_the_place_of_a_sample(folder: Path, data_dir: DataDir) -> None:
    fetch_month(MONTH, "sample", data_dir, sample_rows=500)
    (folder / f"{PATH}.parquet").write_bytes(parquet(30))

    fetch_month(MONTH, str(folder), data_dir)

    assert not manifest(data_dir).synthetic
    assert sorted(visible_files(data_dir)) == [
        "yellow_tripdata_2019-01.manifest.json",
        "yellow_tripdata_2019-01.parquet",
    ]


def test_the_sample_has_a_zone_lookup(data_dir: DataDir) -> None:
    first = fetch_zones("sample", data_dir)

    assert first.synthetic
    assert first.published_rows == 265
    assert fetch_zones("sample", data_dir) == first


@pytest.mark.parametrize("link", ["the file", "its folder"])
def test_a_link_out_of_the_source_folder_is_not_followed(
    folder: Path, data_dir: DataDir, tmp_path: Path, link: str
) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (private / "yellow_tripdata_2019-01.csv").write_bytes(csv_text(30))
    if link == "the file":
        (folder / "yellow" / "yellow_tripdata_2019-01.csv").symlink_to(private / "yellow_tripdata_2019-01.csv")
    else:
        (folder / "yellow").rmdir()
        (folder / "yellow").symlink_to(private)
    with pytest.raises(NotPublishedError, match=rf"a link that leads out of the source folder, to {private}"):
        fetch_month(MONTH, str(folder), data_dir)
    assert not visible_files(data_dir)


def test_links_within_the_source_folder_and_to_it_are_followed(folder: Path, data_dir: DataDir, tmp_path: Path) -> None:
    (folder / "as it came.csv").write_bytes(csv_text(30))
    (folder / "yellow" / "yellow_tripdata_2019-01.csv").symlink_to("../as it came.csv")
    source = tmp_path / "source"
    source.symlink_to(folder)
    assert fetch_month(MONTH, str(source), data_dir).raw.published_rows == 30


def test_a_link_that_takes_the_files_place_after_it_was_looked_at_is_not_followed(
    folder: Path, data_dir: DataDir, tmp_path: Path
) -> None:
    request = FileRequest.of(MONTH)
    file = folder / "yellow" / "yellow_tripdata_2019-01.csv"
    file.write_bytes(csv_text(30))
    origin = FolderOrigin("yellow 2019-01", folder, folder_candidates(request, folder))
    there = origin.stat()
    secret = tmp_path / "secret"
    secret.write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(secret)
    partial = data_dir.root / "partial"
    data_dir.root.mkdir()
    with pytest.raises(NotPublishedError, match="a link that leads out"):
        origin.download(there, partial, no_progress)
    assert not partial.exists()


@pytest.mark.parametrize(("theirs", "ours"), [(0o600, 0o600), (0o640, 0o640), (0o444, 0o644), (0o666, 0o644)])
def test_a_copy_is_for_no_more_eyes_than_its_source(folder: Path, data_dir: DataDir, theirs: int, ours: int) -> None:
    source = folder / "yellow" / "yellow_tripdata_2019-01.csv"
    source.write_bytes(csv_text(30))
    source.chmod(theirs)
    before = os.umask(0o022)
    try:
        raw = fetch_month(MONTH, str(folder), data_dir).raw
    finally:
        os.umask(before)
    assert stat.S_IMODE(raw.path.stat().st_mode) == ours


LAYOUTS = [
    "yellow/2019/01/yellow_tripdata_2019_01.csv.gz",
    "yellow/2019/yellow_tripdata_2019-01.parquet",
    "2019/01/yellow_tripdata_2019-01.csv",
    "2019/yellow_tripdata_2019-01.csv.gz",
    "yellow/year=2019/month=01/yellow_tripdata_2019-01.parquet",
    "yellow/year=2019/month=1/yellow_tripdata_2019-01.parquet",
    "year=2019/month=01/yellow_tripdata_2019-01.csv",
    "yellow_tripdata/year=2019/yellow_tripdata_2019-01.csv",
    "yellow_tripdata/yellow_tripdata_2019-01.parquet",
    "yellow_tripdata_2019_01.csv",
]


def put(folder: Path, place: str, rows: int = 30) -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = {".gz": csv_gz, ".csv": csv_text, ".parquet": parquet}
    path.write_bytes(contents[path.suffix](rows))
    return path


@pytest.mark.parametrize("place", LAYOUTS)
def test_months_are_found_in_the_layouts_of_the_course_and_of_hive(place: str, folder: Path, data_dir: DataDir) -> None:
    path = put(folder, place)
    put(folder, place.replace("01", "02").replace("month=1/", "month=2/"), rows=5)
    fetched = fetch_month(MONTH, str(folder), data_dir)
    assert (fetched.raw.source, fetched.raw.published_rows) == (str(path), 30)
    assert probe_month(MONTH, str(folder)).url == str(path)
    assert fetched.raw.path.name.startswith("yellow_tripdata_2019-01.")
    assert fetch_month(MONTH, str(folder), data_dir).unchanged


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("yellow/yellow_tripdata_2019-01.csv.gz", "yellow/yellow_tripdata_2019-01.parquet"),
        ("yellow/yellow_tripdata_2019-01.csv", "yellow_tripdata_2019-01.csv"),
        ("yellow/yellow_tripdata_2019-01.csv", "yellow/2019/01/yellow_tripdata_2019_01.csv.gz"),
        ("2019/yellow_tripdata_2019-01.csv", "year=2019/month=01/yellow_tripdata_2019-01.parquet"),
    ],
)
def test_the_same_month_twice_is_an_error_that_names_both(
    first: str, second: str, folder: Path, data_dir: DataDir
) -> None:
    paths = [put(folder, first), put(folder, second)]
    with pytest.raises(SettingsError, match="yellow 2019-01: the source folder has it twice") as error:
        fetch_month(MONTH, str(folder), data_dir)
    assert all(str(path) in str(error.value) for path in paths)


@pytest.mark.parametrize("place", ["yellow_tripdata_2019.csv", "yellow/yellow_tripdata_2019.parquet"])
def test_a_yearly_file_is_named_as_what_it_is(place: str, folder: Path, data_dir: DataDir) -> None:
    path = put(folder, place)
    with pytest.raises(NotPublishedError, match="a whole year in one file") as error:
        fetch_month(MONTH, str(folder), data_dir)
    assert str(path) in str(error.value)
    assert not probe_month(MONTH, str(folder)).published


def test_a_message_about_a_missing_month_does_not_list_every_layout(folder: Path, data_dir: DataDir) -> None:
    with pytest.raises(NotPublishedError, match="and in folders by year and month") as error:
        fetch_month(MONTH, str(folder), data_dir)
    assert len(str(error.value).replace(str(folder), "")) < 400
