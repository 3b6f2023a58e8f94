"""Whether a clean file still is what was cleaned: told while it is read, by the hash in its rejected file's footer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.errors import BrokenFileError, FileChangedError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.files.clean_file import CleanFile, as_cleaned, must_be_as_cleaned
from taxi_assets.steps.files.same_file import held
from taxi_assets_tests.support.damage import rot_parquet
from taxi_assets_tests.support.raw_months import csv_month, csv_of_trips


@pytest.fixture
def clean(tmp_path: Path) -> CleanFile:
    data_dir = DataDir(tmp_path)
    return clean_month(csv_month(data_dir, csv_of_trips(500)), data_dir)


def read(clean: CleanFile, error: Exception | None = None) -> None:
    with held(clean.path, lambda path: path.open("rb")) as holding, as_cleaned(clean, holding):
        holding.file.seek(7)  # others read where they are
        if error is not None:
            raise error


def test_a_sound_file_is_no_trouble_and_what_goes_wrong_with_it_is_said_as_it_is(clean: CleanFile) -> None:
    read(clean)
    with pytest.raises(ValueError, match="of another kind"):
        read(clean, ValueError("of another kind"))


@pytest.mark.parametrize("error", [None, ValueError("what rot led to")])
def test_rot_is_told_with_what_to_do(clean: CleanFile, error: Exception | None) -> None:
    rot_parquet(clean.path, decodes=True)
    with pytest.raises(
        BrokenFileError,
        match=r"2019-01\.parquet: it is not what was cleaned .* materialize clean/yellow_tripdata 2019-01 again",
    ) as raised:
        read(clean, error)
    assert raised.value.__cause__ is error


def test_a_file_without_a_known_hash_is_taken_as_it_is(clean: CleanFile) -> None:
    rot_parquet(clean.path, decodes=True)
    read(replace(clean, sha256=None))


def test_a_month_that_another_run_cleaned_anew_is_not_called_damaged(clean: CleanFile) -> None:
    with pytest.raises(FileChangedError):
        must_be_as_cleaned(replace(clean, sha256="0" * 64), clean.sha256 or "")
