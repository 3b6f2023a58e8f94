"""The zone lookup: all 265 zones as published, or an error."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.errors import BrokenFileError, LayoutError
from taxi_assets.steps.clean.zones import clean_zones
from taxi_assets.steps.files.raw_file import PublishedFile
from taxi_assets_tests.support.raw_months import published_file, rows

HEADER = '"LocationID","Borough","Zone","service_zone"'


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


def lookup(folder: Path, text: str) -> PublishedFile:
    path = folder / "taxi_zone_lookup.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return published_file(path, "csv")


def zones(count: int = 265) -> list[str]:
    return [f'{number},"Queens","Zone, no. {number}","Boro Zone"' for number in range(1, count + 1)]


def test_the_real_lookup_is_kept_as_published(real_data: Path, data_dir: DataDir) -> None:
    path = real_data / "misc" / "taxi_zone_lookup.csv"
    clean = clean_zones(published_file(path, "csv"), data_dir)
    with path.open(newline="") as file:
        published = [tuple(row) for row in list(csv.reader(file))[1:]]
    found = rows(clean)
    assert clean == data_dir.root / "clean" / "taxi_zones" / "taxi_zone_lookup.parquet"
    assert list(found[0]) == ["locationid", "borough", "zone", "service_zone"]
    assert [(str(row["locationid"]), row["borough"], row["zone"], row["service_zone"]) for row in found] == published
    assert found[-1] == {"locationid": 265, "borough": "Unknown", "zone": "NA", "service_zone": "N/A"}


def test_commas_in_names_blank_lines_and_another_order_do_not_matter(tmp_path: Path, data_dir: DataDir) -> None:
    lines = [f'"Boro Zone","Zone, no. {number}",{number},"Queens"' for number in range(1, 266)]
    raw = lookup(tmp_path, "\n".join(["\ufeffservice_zone,ZONE,locationid,borough", "", *lines]))
    assert rows(clean_zones(raw, data_dir))[6] == {
        "locationid": 7,
        "borough": "Queens",
        "zone": "Zone, no. 7",
        "service_zone": "Boro Zone",
    }


@pytest.mark.parametrize(
    ("lines", "error", "text"),
    [
        ([HEADER, *zones(264)], BrokenFileError, "265 once, but has 264 lines"),
        ([HEADER, *zones(), '7,"a","b","c"'], BrokenFileError, "266 lines with 265 different"),
        ([HEADER, *zones(264), '266,"a","b","c"'], BrokenFileError, "265 lines with 265 different"),
        ([HEADER, *zones(264), 'seven,"a","b","c"'], BrokenFileError, "not a zone number .* seven,a"),
        (['"LocationID","Borough","Zone"', *zones()], LayoutError, "LocationID, Borough, Zone"),
        ([HEADER + ',"shape"', *zones()], LayoutError, "shape"),
    ],
)
def test_a_lookup_that_is_not_one_is_an_error_and_the_previous_one_stays(
    lines: list[str], error: type[Exception], text: str, tmp_path: Path, data_dir: DataDir
) -> None:
    clean = clean_zones(lookup(tmp_path, "\n".join([HEADER, *zones()])), data_dir)
    previous = clean.read_bytes()
    with pytest.raises(error, match=text):
        clean_zones(lookup(tmp_path, "\n".join(lines)), data_dir)
    assert clean.read_bytes() == previous
    assert [path.name for path in clean.parent.iterdir()] == [clean.name]


def test_a_line_with_fields_missing_is_an_error(tmp_path: Path, data_dir: DataDir) -> None:
    with pytest.raises(BrokenFileError, match=": 265"):
        clean_zones(lookup(tmp_path, "\n".join([HEADER, *zones(264), "265"])), data_dir)
