"""A clean file that rots on its disk is made again by the next run, whether or not it can still be decoded."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.files.clean_file import CLEAN_SHA256, FOOTER_KEY, CleanFile, read_clean
from taxi_assets.steps.files.raw_file import RawFile
from taxi_assets_tests.support.damage import rot_parquet
from taxi_assets_tests.support.raw_months import MONTH, csv_month, csv_of_trips, rows


@pytest.fixture
def raw(tmp_path: Path) -> RawFile:
    return csv_month(DataDir(tmp_path), csv_of_trips(2_000, bad=1))


def without_hash(clean: CleanFile) -> None:
    """Makes the rejected file what an earlier version wrote."""
    table = pq.read_table(clean.rejected_path)
    assert CLEAN_SHA256.encode() in table.schema.metadata
    figures = table.schema.metadata[FOOTER_KEY.encode()]
    pq.write_table(table.replace_schema_metadata({FOOTER_KEY: figures}), clean.rejected_path)


@pytest.mark.parametrize("decodes", [True, False], ids=["decodes to other values", "cannot be decoded"])
def test_it_is_made_again(raw: RawFile, tmp_path: Path, decodes: bool) -> None:
    data_dir = DataDir(tmp_path)
    first = clean_month(raw, data_dir)
    sound = rows(first.path)
    rot_parquet(first.path, decodes=decodes)

    again = clean_month(raw, data_dir)

    assert not again.unchanged
    assert (again.content_id, rows(again.path)) == (first.content_id, sound)
    assert clean_month(raw, data_dir).unchanged


def test_a_month_of_an_earlier_version_has_no_hash_and_stays_as_it_is(raw: RawFile, tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path)
    first = clean_month(raw, data_dir)
    assert first.sha256 is not None
    without_hash(first)
    found = read_clean(MONTH, data_dir)
    assert found is not None
    assert found.sha256 is None
    assert clean_month(raw, data_dir).unchanged
