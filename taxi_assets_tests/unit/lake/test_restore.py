"""A month brought back from the lake: rot in it is told, and what another run changes meanwhile passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.errors import BrokenFileError, StoreUnavailableError
from taxi_assets.steps.files.progress import OnProgress, no_progress
from taxi_assets.steps.lake.copy import copy_month
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.lake.lake import raw_name
from taxi_assets.steps.lake.restore import raw_from_lake
from taxi_assets_tests.support.lake_months import YELLOW, replace_file, write_month
from taxi_assets_tests.support.published_files import leftovers, visible_files


class BusyLake(FolderLake):
    """A lake in which another run does something right before an object is fetched."""

    def __init__(self, root: Path, happens: Callable[[], object]) -> None:
        super().__init__(root)
        self._happens = happens

    def get(self, name: str, local: Path, *, on_progress: OnProgress = no_progress) -> bool:
        self._happens()
        return super().get(name, local, on_progress=on_progress)


@pytest.fixture
def there(tmp_path: Path) -> DataDir:
    """The machine that made the month, with the lake."""
    data_dir = DataDir(tmp_path / "there")
    copy_month(*write_month(data_dir, YELLOW, 20, file_format="csv"), FolderLake(data_dir.lake))
    return data_dir


@pytest.fixture
def here(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "here")


def test_a_raw_object_that_rotted_is_not_taken(there: DataDir, here: DataDir) -> None:
    name = raw_name("yellow", "yellow_tripdata_2019-01.csv")
    replace_file(there.lake / name, b"header\n1\n")
    with pytest.raises(BrokenFileError, match=r"is not the file that .* was made from"):
        raw_from_lake(YELLOW, here, FolderLake(there.lake))
    assert not visible_files(here)
    assert not leftovers(here)


def test_a_month_that_is_replaced_in_the_lake_meanwhile_is_fetched_by_the_next_try(
    there: DataDir, here: DataDir
) -> None:
    def another_run() -> None:
        copy_month(*write_month(there, YELLOW, 30, seed=2, file_format="csv"), FolderLake(there.lake))

    with pytest.raises(StoreUnavailableError, match="another run replaced the month in the lake"):
        raw_from_lake(YELLOW, here, BusyLake(there.lake, another_run))
    assert not leftovers(here)
    assert raw_from_lake(YELLOW, here, FolderLake(there.lake)).published_rows == 29  # the first line is the header
