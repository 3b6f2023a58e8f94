"""A month brought back from a bucket, by Google's client: what the runs of a cluster do with their empty disks."""

from __future__ import annotations

from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.months import TripMonth
from taxi_assets.errors import BrokenFileError, NotMaterializedError
from taxi_assets.steps.clean.clean import clean_month, content_id
from taxi_assets.steps.files.clean_file import CleanMonth
from taxi_assets.steps.files.raw_file import RawFile, read_manifest
from taxi_assets.steps.lake.bring_back import clean_from_lake, raw_from_lake
from taxi_assets.steps.lake.copy import copy_month
from taxi_assets.steps.lake.lake import clean_name
from taxi_assets.steps.raw.fetch import fetch_month
from taxi_assets_tests.support.gcp_fixtures import GcpPlace

MONTH = TripMonth("green", "2019-01")


@pytest.fixture
def there(tmp_path: Path, gcp: GcpPlace) -> tuple[RawFile, CleanMonth]:
    """A month that another machine fetched, cleaned and copied to the bucket."""
    data_dir = DataDir(tmp_path / "there")
    raw = fetch_month(MONTH, "sample", data_dir, sample_rows=300).raw
    clean = clean_month(raw, MONTH, data_dir)
    copy_month(raw, clean, MONTH, gcp.lake())
    return raw, clean


@pytest.fixture
def here(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "here")


def test_both_files_come_back_byte_for_byte_with_their_figures(
    gcp: GcpPlace, there: tuple[RawFile, CleanMonth], here: DataDir
) -> None:
    raw, clean = there
    fetched_clean = clean_from_lake(MONTH, here, gcp.lake(), content_id=clean.content_id)
    assert fetched_clean.path.read_bytes() == clean.path.read_bytes()
    assert (fetched_clean.rows, fetched_clean.rejected_rows) == (clean.rows, clean.rejected_rows)

    fetched_raw = raw_from_lake(MONTH, here, gcp.lake(), sha256=raw.sha256)
    assert fetched_raw.path.read_bytes() == raw.path.read_bytes()
    assert read_manifest(here.raw_dir("green"), MONTH) == fetched_raw
    for fact in ("source", "edition", "synthetic", "bytes", "uncompressed_bytes", "sha256", "published_rows", "utf8"):
        assert getattr(fetched_raw, fact) == getattr(raw, fact), fact
    assert content_id(fetched_raw, MONTH) == clean.content_id, "cleaning it again would give the same rows"


def test_a_file_that_is_here_already_is_not_fetched_again(
    gcp: GcpPlace, there: tuple[RawFile, CleanMonth], here: DataDir
) -> None:
    first = raw_from_lake(MONTH, here, gcp.lake())
    before = first.path.stat().st_mtime_ns
    assert raw_from_lake(MONTH, here, gcp.lake()) == first
    assert first.path.stat().st_mtime_ns == before


def test_another_edition_is_refused_before_anything_is_downloaded(
    gcp: GcpPlace, there: tuple[RawFile, CleanMonth], here: DataDir
) -> None:
    with pytest.raises(NotMaterializedError, match="the lake holds another edition"):
        clean_from_lake(MONTH, here, gcp.lake(), content_id="0" * 64)
    with pytest.raises(NotMaterializedError, match="the lake holds another edition"):
        raw_from_lake(MONTH, here, gcp.lake(), sha256="0" * 64)
    assert not here.root.exists()


def test_an_object_that_is_not_ours_is_refused(
    gcp: GcpPlace, there: tuple[RawFile, CleanMonth], here: DataDir, tmp_path: Path
) -> None:
    intruder = tmp_path / "page.html"
    intruder.write_text("<html>not Parquet</html>")
    gcp.lake().put(intruder, clean_name(MONTH), metadata={})
    with pytest.raises(BrokenFileError, match="not a clean file of taxi_assets"):
        clean_from_lake(MONTH, here, gcp.lake())
