"""The synthetic city: zones as shapes, in the layout of TLC's ``taxi_zones.zip``.

Belongs here: where the zones of the sample source lie, and writing them. Not here: their names and boroughs as a table
(``write.py``), and the trips, whose coordinates all lie in this city (``taxi.py``).

Nothing of it is New York's but numbers, boroughs and the rough place of each borough, so that maps of synthetic trips
look like maps. As in the real file zone 56 has two shapes and 103 three, some zones have islands and one has a hole;
57, 104 and 105, which there have none, have one here, as trips of the sample go there.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from taxi_assets.steps.files.zone_shapes import CRS, DEGREES, SYNTHETIC, transformer
from taxi_assets.steps.sample import figures

CITY_VERSION = 1
"""The recipe. Raise it when the city would come out differently."""

_STREETS: Mapping[str, tuple[float, float, float, float]] = {
    "Manhattan": (-0.001, 0.116, -0.001, 0.025),
    "Bronx": (0.119, 0.19, -0.012, 0.12),
    "Brooklyn": (-0.08, 0.018, 0.029, 0.15),
    "Queens": (0.0185, 0.115, 0.029, 0.24),
    "Staten Island": (-0.16, -0.06, -0.1, 0.0),
    "EWR": (-0.07, -0.055, -0.135, -0.115),
}
"""For each borough from where to where it reaches along Manhattan's axis and across it, in degrees; between them flow
rivers. Trips of the sample lie in Manhattan's part or at one of the two airports (``taxi.py``)."""

_AIRPORTS: Mapping[int, tuple[float, float]] = {figures.JFK: (-73.788, 40.641), figures.LA_GUARDIA: (-73.876, 40.769)}
"""South-western corners of where their trips lie, 0.009 degrees wide and high."""

_SHAPES = {56: 2, 103: 3}
"""How many shapes a zone has that has several."""
_ISLANDS = {202: (-0.006, 0.01), 194: (0.117, 0.06), 117: (0.06, 0.246)}
"""Zones with an island, and where along and across it lies: in water."""
_WITH_A_LAKE = 184

# The plastic number: points at its multiples fill a rectangle evenly and without a pattern (Roberts, the R2 sequence).
_EVENLY = (0.7548776662466927, 0.5698402909980532)

_MADE = (2009, 1, 1, 0, 0, 0)
"""When the archive's files were made, as a zip archive has to say: the same bytes each time."""


def write_sample_zone_shapes(path: Path) -> None:
    """Writes ``taxi_zones.zip``: the zones 1 to 263 with made-up names, in US feet (EPSG:2263)."""
    import pyproj
    import shapefile as pyshp

    shapefile = cast("Any", pyshp)

    parts = {end: io.BytesIO() for end in (".shp", ".shx", ".dbf")}
    with shapefile.Writer(**{end[1:]: file for end, file in parts.items()}, shapeType=shapefile.POLYGON) as writer:
        writer.field("OBJECTID", "N", 9)
        writer.field("Shape_Leng", "F", 19, 11)
        writer.field("Shape_Area", "F", 19, 11)
        writer.field("zone", "C", 254)
        writer.field("LocationID", "N", 4)
        writer.field("borough", "C", 254)
        for number, (zone, borough, area) in enumerate(_records(), start=1):
            writer.record(number, area.length, area.area, f"Zone {zone} (synthetic)", zone, borough)
            writer.shape(area.__geo_interface__)
    files = {end: file.getvalue() for end, file in parts.items()}
    # A dBase file begins with the day on which it was written.
    made = datetime.date(*_MADE[:3])
    files[".dbf"] = files[".dbf"][:1] + bytes([made.year - 1900, made.month, made.day]) + files[".dbf"][4:]
    files[".prj"] = pyproj.CRS(CRS).to_wkt("WKT1_ESRI").encode("ascii")
    with ZipFile(path, "w") as archive:
        archive.comment = SYNTHETIC
        for end in sorted(files):
            archive.writestr(ZipInfo(f"taxi_zones{end}", _MADE), files[end], ZIP_DEFLATED)


def _records() -> Iterator[tuple[int, str, Any]]:
    """Zone, borough and area in feet of each shape, to the hundredth of a foot, in the order of the zones."""
    import shapely as geos

    shapely = cast("Any", geos)
    to_feet = transformer(DEGREES, CRS)
    boroughs = {zone: borough for borough, zones in figures.BOROUGHS.items() for zone in zones}
    areas = {zone: area for borough in _STREETS for zone, area in _zones_of(borough).items()}
    for zone in sorted(areas):
        for part in _parts(areas[zone], _SHAPES.get(zone, 1)):
            feet = shapely.transform(part, to_feet.transform, interleaved=False)
            yield zone, boroughs[zone], shapely.set_precision(feet, 0.01, mode="pointwise")


def _zones_of(borough: str) -> dict[int, Any]:
    """The borough cut into its zones, each the part that is nearest to a point of its own; in degrees."""
    import shapely as geos

    shapely = cast("Any", geos)
    south, north, west, east = _STREETS[borough]
    land = shapely.Polygon([_place(n, a) for n, a in ((south, west), (north, west), (north, east), (south, east))])
    zones = [zone for zone in figures.BOROUGHS[borough] if zone not in _AIRPORTS]
    areas: dict[int, Any] = {}
    if borough == "Queens":
        for airport, (longitude, latitude) in _AIRPORTS.items():
            areas[airport] = shapely.box(longitude - 0.001, latitude - 0.001, longitude + 0.01, latitude + 0.01)
        land = shapely.difference(land, shapely.union_all(list(areas.values())))
    points = [
        _place(
            south + (north - south) * ((number * _EVENLY[0]) % 1), west + (east - west) * ((number * _EVENLY[1]) % 1)
        )
        for number in range(1, len(zones) + 1)
    ]
    cells = shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=land, ordered=True)
    cut = shapely.intersection(cells.geoms, land) if len(points) > 1 else [land]
    areas |= dict(zip(zones, cut, strict=True))
    for zone in zones:
        if zone in _ISLANDS:
            areas[zone] = shapely.union(areas[zone], shapely.Point(_place(*_ISLANDS[zone])).buffer(0.001, quad_segs=4))
        if zone == _WITH_A_LAKE:
            areas[zone] = shapely.difference(areas[zone], areas[zone].representative_point().buffer(0.001, quad_segs=4))
    return areas


def _parts(area: Any, count: int) -> list[Any]:
    """The area in that many slices from west to east."""
    import shapely as geos

    shapely = cast("Any", geos)
    west, south, east, north = area.bounds
    borders = [west + (east - west) * number / count for number in range(count + 1)]
    return [shapely.intersection(area, shapely.box(left, south, right, north)) for left, right in pairwise(borders)]


def _place(north: float, across: float) -> tuple[float, float]:
    """Longitude and latitude of a place along Manhattan's axis and across it, as ``taxi.py`` draws points."""
    return -74.016 + 0.6 * north + across, 40.703 + north - 0.4 * across
