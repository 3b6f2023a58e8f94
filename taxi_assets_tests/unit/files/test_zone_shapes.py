"""The zones' shapes: what TLC publishes and the sample makes is read whole; of all else is said why not."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import shapefile
import shapely
from pyproj import CRS

from taxi_assets.errors import BrokenFileError, LayoutError, TaxiAssetsError
from taxi_assets.steps.files.zone_shapes import ZoneShapes, read_zone_shapes

BOX = [[0.0, 0.0], [0.0, 1000.0], [1000.0, 1000.0], [1000.0, 0.0], [0.0, 0.0]]
MOVED = [[x + 1000.0, y] for x, y in BOX]
NEW_YORK = CRS("EPSG:2263").to_wkt("WKT1_ESRI")


def parts(*zones: tuple[int, list[list[float]]], prj: str = NEW_YORK, number: str = "LocationID") -> dict[str, bytes]:
    """The files of a shapefile with those zones, by the ends of their names."""
    files = {end: io.BytesIO() for end in ("shp", "shx", "dbf")}
    with shapefile.Writer(**files, shapeType=shapefile.POLYGON) as writer:
        writer.field("zone", "C", 254)
        writer.field(number, "N", 4)
        writer.field("borough", "C", 254)
        for zone, corners in zones:
            writer.record(f"Place {zone}", zone, "Queens")
            writer.poly([corners])
    return {**{f".{end}": file.getvalue() for end, file in files.items()}, ".prj": prj.encode()}


def packed(path: Path, files: dict[str, bytes], stem: str = "taxi_zones") -> Path:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for end, content in files.items():
            archive.writestr(f"{stem}{end}", content)
    return path


@pytest.fixture(scope="module")
def real(real_data: Path) -> ZoneShapes:
    return read_zone_shapes(real_data / "misc/taxi_zones.zip")


def test_the_real_file_has_260_zones_in_263_shapes(real: ZoneShapes) -> None:
    numbers = [zone.locationid for zone in real.zones]
    assert (real.shapes, len(numbers), real.synthetic) == (263, 260, False)
    assert numbers == sorted(set(range(1, 264)) - {57, 104, 105})
    assert {(zone.zone, zone.borough) for zone in real.zones if zone.locationid in {1, 132}} == {
        ("Newark Airport", "EWR"),
        ("JFK Airport", "Queens"),
    }


def test_the_shapes_of_a_zone_are_one_area(real: ZoneShapes, real_data: Path) -> None:
    with shapefile.Reader(real_data / "misc/taxi_zones.zip") as reader:
        drawn = [shapely.geometry.shape(each.shape.__geo_interface__).area
                 for each in reader.iterShapeRecords() if each.record["LocationID"] == 103]  # fmt: skip
    [zone] = [zone for zone in real.zones if zone.locationid == 103]
    assert len(drawn) == 3
    assert zone.area.is_valid
    assert zone.area.area == pytest.approx(sum(drawn))


def test_in_degrees_the_city_lies_where_it_does(real: ZoneShapes) -> None:
    degrees = real.in_degrees()
    assert degrees.keys() == {zone.locationid for zone in real.zones}
    assert degrees[132].contains(shapely.Point(-73.7781, 40.6413))  # JFK, by any map
    west, south, east, north = shapely.total_bounds(list(degrees.values()))
    assert (round(west, 2), round(south, 2), round(east, 2), round(north, 2)) == (-74.26, 40.5, -73.7, 40.92)


def test_shapes_of_one_number_that_touch_become_one(tmp_path: Path) -> None:
    path = packed(tmp_path / "zones.zip", parts((56, BOX), (7, BOX), (56, MOVED)))
    read = read_zone_shapes(path)
    assert [(zone.locationid, zone.zone, zone.area.geom_type, zone.area.area) for zone in read.zones] == [
        (7, "Place 7", "Polygon", 1e6),
        (56, "Place 56", "Polygon", 2e6),
    ]
    assert read.version == read_zone_shapes(path).version
    assert not read.synthetic


def test_a_folder_in_the_archive_and_capitals_do_not_matter(tmp_path: Path) -> None:
    files = {end.upper(): content for end, content in parts((7, BOX)).items()}
    assert len(read_zone_shapes(packed(tmp_path / "zones.zip", files, "tlc/Taxi_Zones")).zones) == 1


def damaged(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 3] ^= 0xFF
    path.write_bytes(whole)


def rewritten(change: Callable[[dict[str, bytes]], Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        files = parts((7, BOX))
        change(files)
        packed(path, files)

    return write


@pytest.mark.parametrize(
    ("write", "error", "said"),
    [
        (lambda path: path.write_bytes(b"<html>"), BrokenFileError, "no zip archive, or a damaged one"),
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), BrokenFileError, "no zip archive, or a damaged one"),
        (damaged, BrokenFileError, "damaged"),
        (rewritten(lambda files: files.pop(".shp")), BrokenFileError, "0 files that end in .shp"),
        (rewritten(lambda files: files.pop(".dbf")), BrokenFileError, "no .dbf beside it"),
        (rewritten(lambda files: files.pop(".prj")), BrokenFileError, "no .prj beside it"),
        (rewritten(lambda files: files.update({".prj": b"GEOGCS[\"no\""})), BrokenFileError, "no projection"),
        (rewritten(lambda files: files.update({".prj": CRS("EPSG:4326").to_wkt("WKT1_ESRI").encode()})),
         BrokenFileError, "drawn in WGS 84, and zones are drawn in EPSG:2263"),
        (rewritten(lambda files: files.update({".shp": files[".shp"][:60]})), BrokenFileError, "cannot be read"),
        (rewritten(lambda files: files.update(parts())), BrokenFileError, "no shapes"),
        (rewritten(lambda files: files.update(parts((264, BOX)))), BrokenFileError, "the number 264"),
        (rewritten(lambda files: files.update(parts((7, BOX), number="ID"))), LayoutError, "no locationid"),
    ],
)  # fmt: skip
def test_what_are_no_zone_shapes_is_said(
    tmp_path: Path, write: Callable[[Path], None], error: type[TaxiAssetsError], said: str
) -> None:
    path = packed(tmp_path / "zones.zip", parts((7, BOX)))
    write(path)
    with pytest.raises(error, match=said) as raised:
        read_zone_shapes(path, label="zones from here")
    assert str(raised.value).startswith("zones from here")
