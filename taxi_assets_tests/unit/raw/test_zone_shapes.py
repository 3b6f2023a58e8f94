"""The zones' shapes fetched like every raw file, from each kind of source, and brought back from the lake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.errors import BrokenFileError, NotPublishedError
from taxi_assets.steps.files.zone_shapes import read_zone_shapes
from taxi_assets.steps.lake.copy import copy_zone_shapes
from taxi_assets.steps.lake.folder import FolderLake
from taxi_assets.steps.lake.restore import zone_shapes_from_lake
from taxi_assets.steps.raw.fetch import fetch_zone_shapes
from taxi_assets.steps.raw.sources import COURSE_RELEASES, PUBLISHED, TLC, ZONE_SHAPES, NamedSources, http_candidates
from taxi_assets.steps.sample.city import write_sample_zone_shapes
from taxi_assets_tests.support.http_source import HttpSource


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("city") / "taxi_zones.zip"
    write_sample_zone_shapes(path)
    return path


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.mark.parametrize("source", ["auto", "tlc", "datatalksclub"])
def test_named_sources_take_the_shapes_of_tlc(source: str) -> None:
    [candidate] = http_candidates(ZONE_SHAPES, source, PUBLISHED)
    assert (candidate.location, candidate.format) == (f"{TLC.base}/misc/taxi_zones.zip", "zip")


def test_the_shapes_come_from_a_named_source_once(http_source: HttpSource, data_dir: DataDir, city: Path) -> None:
    url = http_source.publish("tlc/misc/taxi_zones.zip", city.read_bytes())
    course = replace(COURSE_RELEASES, base=f"{http_source.url}/course")
    tlc = replace(TLC, base=f"{http_source.url}/tlc")
    named: NamedSources = {"auto": (course, tlc)}
    first, again = (fetch_zone_shapes("auto", data_dir, named=named) for _ in range(2))
    assert (first.raw.source, first.unchanged, again.unchanged) == (url, False, True)
    assert len(http_source.asked("GET")) == 1


@pytest.mark.parametrize("place", ["misc/taxi_zones.zip", "taxi_zones.zip"])
def test_the_shapes_come_from_a_folder_or_a_base_url(
    http_source: HttpSource, data_dir: DataDir, city: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "source/misc").mkdir(parents=True)
    (tmp_path / "source" / place).write_bytes(city.read_bytes())
    http_source.publish(place, city.read_bytes())
    for source in (str(tmp_path / "source"), http_source.url):
        raw = fetch_zone_shapes(source, data_dir).raw
        assert raw.path == data_dir.root / "raw/taxi_zone_shapes/taxi_zones.zip"
        assert raw.path.read_bytes() == city.read_bytes()
        assert (raw.format, raw.published_rows, raw.sha256) == ("zip", 266, read_zone_shapes(city).version)


def test_the_sample_says_that_its_city_is_synthetic(data_dir: DataDir) -> None:
    first = fetch_zone_shapes("sample", data_dir)
    shapes = read_zone_shapes(first.raw.path)
    assert first.raw.synthetic
    assert shapes.synthetic
    assert all("synthetic" in zone.zone for zone in shapes.zones)
    assert fetch_zone_shapes("sample", data_dir).unchanged


def test_what_is_no_shapes_leaves_the_old_ones(data_dir: DataDir, city: Path, tmp_path: Path) -> None:
    source = tmp_path / "taxi_zones.zip"
    source.write_bytes(city.read_bytes())
    before = fetch_zone_shapes(str(tmp_path), data_dir).raw
    source.write_bytes(city.read_bytes()[:-400])
    with pytest.raises(BrokenFileError, match=r"taxi_zone_shapes from .*damaged"):
        fetch_zone_shapes(str(tmp_path), data_dir)
    source.write_bytes(b"LocationID\n1\n")
    with pytest.raises(BrokenFileError, match="not the zip archive of shapes that its name promises"):
        fetch_zone_shapes(str(tmp_path), data_dir)
    source.unlink()
    with pytest.raises(NotPublishedError, match=r"misc/taxi_zones\.zip"):
        fetch_zone_shapes(str(tmp_path), data_dir)
    assert read_zone_shapes(before.path).version == before.sha256
    assert sorted(path.name for path in before.path.parent.glob("[!.]*")) == [
        "taxi_zones.manifest.json",
        "taxi_zones.zip",
    ]


def test_an_empty_disk_takes_the_shapes_from_the_lake(data_dir: DataDir, city: Path, tmp_path: Path) -> None:
    lake = FolderLake(tmp_path / "lake")
    assert zone_shapes_from_lake(data_dir, lake) is None
    source = tmp_path / "source/taxi_zones.zip"
    source.parent.mkdir()
    source.write_bytes(city.read_bytes())
    raw = fetch_zone_shapes(str(source.parent), data_dir).raw
    assert copy_zone_shapes(raw, lake).written
    assert not copy_zone_shapes(raw, lake).written
    elsewhere = DataDir(tmp_path / "elsewhere")
    restored = zone_shapes_from_lake(elsewhere, lake)
    assert restored is not None
    assert restored.path == elsewhere.root / "raw/taxi_zone_shapes/taxi_zones.zip"
    assert (restored.sha256, restored.published_rows, restored.synthetic) == (raw.sha256, raw.published_rows, True)
    assert zone_shapes_from_lake(elsewhere, lake) == restored
