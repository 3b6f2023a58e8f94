"""The system's errors about files: full, not allowed, or gone for now."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import StorageFullError, StoreAccessError, StoreUnavailableError, TaxiAssetsError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.files.clean_file import read_clean
from taxi_assets.steps.files.disk import disk_errors_explained
from taxi_assets.steps.files.raw_file import read_raw
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets_tests.support.published_files import MONTH
from taxi_assets_tests.support.raw_months import YELLOW_2019, YELLOW_TRIP, csv_month


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder in which this account cannot write: root, whom no mode stops, gets a file system that is read-only."""
    folder = tmp_path / "of somebody else"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def somebody_elses(tmp_path: Path) -> Iterator[DataDir]:
    """A data folder with a fetched and cleaned month that this account may not read; root becomes nobody for it."""
    data_dir = DataDir(tmp_path / "data")
    clean_month(fetch_month(MONTH, "sample", data_dir, sample_rows=10).raw, data_dir)
    assert read_clean(MONTH, data_dir)  # and what reading needs is imported
    folders = [data_dir.raw_dir("yellow"), data_dir.clean(MONTH).parent]
    for folder in folders:
        folder.chmod(0)
    account = os.geteuid()
    if account == 0:
        os.seteuid(65534)
    try:
        yield data_dir
    finally:
        os.seteuid(account)
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.EFBIG, StorageFullError),
        (errno.EACCES, StoreAccessError),
        (errno.EPERM, StoreAccessError),
        (errno.EROFS, StoreAccessError),
        (errno.EIO, StoreUnavailableError),
        (errno.ESTALE, StoreUnavailableError),
        (errno.ENOENT, StoreUnavailableError),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else "",
)
def test_each_of_the_systems_errors_has_a_class_and_says_where(number: int, error: type[TaxiAssetsError]) -> None:
    with (
        pytest.raises(error, match=f"yellow 2019-01: /data/raw.*/data/raw/file: {os.strerror(number)}.*untouched"),
        disk_errors_explained("yellow 2019-01", Path("/data/raw")),
    ):
        raise OSError(number, os.strerror(number), "/data/raw/file")


def test_what_is_in_a_file_is_not_the_disks_trouble() -> None:
    with pytest.raises(OSError, match="thrift"), disk_errors_explained("yellow 2019-01", Path("/data/raw")):
        raise OSError("Couldn't deserialize thrift")  # as Arrow says it


def test_a_month_is_not_fetched_into_a_folder_that_is_not_ours(read_only: Path) -> None:
    with pytest.raises(StoreAccessError, match=r"of somebody else.*run as the user whose folder it is"):
        fetch_month(MONTH, "sample", DataDir(read_only), sample_rows=10)


def test_a_month_is_not_cleaned_into_a_folder_that_is_not_ours(read_only: Path, tmp_path: Path) -> None:
    raw = csv_month(DataDir(tmp_path), f"{YELLOW_2019}\n{YELLOW_TRIP}\n")
    with pytest.raises(StoreAccessError, match="of somebody else"):
        clean_month(raw, DataDir(read_only))


@pytest.mark.parametrize("read", [read_raw, read_clean])
def test_a_month_of_somebody_else_is_not_taken_for_missing(
    somebody_elses: DataDir, read: Callable[[TripMonth, DataDir], object]
) -> None:
    with pytest.raises(StoreAccessError, match="run as the user whose folder it is"):
        read(MONTH, somebody_elses)
