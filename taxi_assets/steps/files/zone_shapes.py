"""The shapes of the taxi zones, read from the zip archive in which TLC publishes them.

Belongs here: what a file of shapes has to be, and its zones as polygons. Not here: how it is fetched
(``taxi_assets/steps/raw``), and which zone a trip's coordinates lie in (``taxi_assets/steps/clean``).

TLC's file of 2024-04 has 263 shapes of 260 zones: 56 stands in it twice and 103 three times, each with another part of
the zone, and 57, 104 and 105, whose names are those of 56 and 103, do not stand in it at all.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast
from zipfile import BadZipFile, ZipFile

from taxi_assets.datasets.zones import FIRST_ZONE, OUTSIDE_ZONE, UNKNOWN_ZONE
from taxi_assets.errors import BrokenFileError, LayoutError
from taxi_assets.text import shown

if TYPE_CHECKING:
    from pyproj import Transformer
    from shapely import MultiPolygon, Polygon

CRS = "EPSG:2263"
"""What the shapes are drawn in: NAD83, New York Long Island, in US survey feet."""

DEGREES = "EPSG:4326"
"""What trips have: WGS 84, degrees. Between it and NAD83 the identity is taken, as the difference is about a metre."""

SYNTHETIC = b"synthetic zones, made by taxi_assets"
"""The archive's comment where the sample source made it."""

_PARTS = (".shp", ".dbf", ".prj")
_COLUMNS = ("locationid", "zone", "borough")
_MOST_BYTES = 1 << 28
"""Unpacked. TLC's file has 1.7 MB."""


@dataclass(frozen=True)
class ZoneShape:
    """One zone.

    Attributes:
        locationid: Its number, as in ``pulocationid`` and ``dolocationid``.
        zone: Its name.
        borough: The borough, or EWR for Newark airport.
        area: All its parts together, valid, in US survey feet of :data:`CRS`.
    """

    locationid: int
    zone: str
    borough: str
    area: Polygon | MultiPolygon


@dataclass(frozen=True)
class ZoneShapes:
    """The zones of one file.

    Attributes:
        version: SHA-256 of the file, hexadecimal: equal versions, equal shapes.
        synthetic: Made by the sample source: not the real city.
        shapes: How many shapes the file has; a zone may have several.
        zones: Each zone that has a shape once, by its number.
    """

    version: str
    synthetic: bool
    shapes: int
    zones: tuple[ZoneShape, ...]

    def in_degrees(self) -> dict[int, Polygon | MultiPolygon]:
        """The areas by number with ``(longitude, latitude)`` in degrees of WGS 84, vertex by vertex.

        For maps. What lies where is asked in feet: a straight edge there is none here, by up to two centimetres on
        the longest.
        """
        import shapely as geos

        shapely = cast("Any", geos)
        to_degrees = transformer(CRS, DEGREES)

        def degrees(area: Any) -> Any:
            return shapely.transform(area, to_degrees.transform, interleaved=False)

        return {zone.locationid: degrees(zone.area) for zone in self.zones}


def transformer(source: str, target: str) -> Transformer:
    """From one of :data:`CRS` and :data:`DEGREES` to the other; ``x, y`` stand for ``longitude, latitude``."""
    from pyproj import Transformer

    return Transformer.from_crs(source, target, always_xy=True)


def read_zone_shapes(path: Path, *, label: str | None = None) -> ZoneShapes:
    """Reads a zip archive with one shapefile, as TLC publishes it.

    Args:
        path: The archive.
        label: How errors name it; None for its path.

    Raises:
        BrokenFileError: It is no zip archive, a damaged one, has no shapefile in it, one without shapes, in another
            projection, or with numbers that no area has.
        LayoutError: The shapes lack number, name or borough.
    """
    label = label or str(path)
    packed = path.read_bytes()
    members, comment = _unpacked(packed, label)
    _must_be_drawn_in_feet(members[".prj"], label)
    numbered = _read(members, label)
    zones = tuple(_zone(number, numbered[number]) for number in sorted(numbered))
    return ZoneShapes(
        version=hashlib.sha256(packed).hexdigest(),
        synthetic=comment.startswith(SYNTHETIC),
        shapes=sum(map(len, numbered.values())),
        zones=zones,
    )


def _unpacked(packed: bytes, label: str) -> tuple[Mapping[str, bytes], bytes]:
    """The parts of the one shapefile by the ends of their names, each compared with its CRC; and the comment."""
    try:
        with ZipFile(io.BytesIO(packed)) as archive:
            names = [PurePosixPath(info.filename) for info in archive.infolist() if not info.is_dir()]
            drawn = [name for name in names if name.suffix.lower() == ".shp"]
            if len(drawn) != 1:
                raise _broken(label, f"it has {len(drawn)} files that end in .shp, and one is needed")
            if sum(info.file_size for info in archive.infolist()) > _MOST_BYTES:
                raise _broken(label, f"it unpacks to more than {_MOST_BYTES >> 20} MB, which no file of zones does")
            parts = {name.suffix.lower(): name for name in names if name.with_suffix("") == drawn[0].with_suffix("")}
            missing = [part for part in _PARTS if part not in parts]
            if missing:
                raise _broken(label, f"{drawn[0].name} has no {' and no '.join(missing)} beside it")
            return {end: archive.read(str(parts[end])) for end in _PARTS}, archive.comment
    # Of encrypted members and unknown packings zipfile says RuntimeError and NotImplementedError.
    except (BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise _broken(label, f"it is no zip archive, or a damaged one ({shown(str(error))})") from error


def _must_be_drawn_in_feet(prj: bytes, label: str) -> None:
    import pyproj
    from pyproj.exceptions import CRSError

    try:
        found = pyproj.CRS.from_wkt(prj.decode("utf-8", errors="replace"))
    except CRSError as error:
        raise _broken(label, f"its .prj names no projection ({shown(str(error))})") from error
    if not found.equals(pyproj.CRS(CRS), ignore_axis_order=True):
        raise _broken(label, f"it is drawn in {shown(found.name)}, and zones are drawn in {CRS}, in US feet")


def _read(members: Mapping[str, bytes], label: str) -> dict[int, list[tuple[Mapping[str, Any], Any]]]:
    """By number the records of its shapes, names in lower case, each with its polygon."""
    import shapefile as pyshp
    from shapely.geometry import shape as area_of

    shapefile, shape = cast("Any", pyshp), cast("Any", area_of)
    found: dict[int, list[tuple[Mapping[str, Any], Any]]] = defaultdict(list)
    try:
        with shapefile.Reader(
            shp=io.BytesIO(members[".shp"]), dbf=io.BytesIO(members[".dbf"]), encodingErrors="replace"
        ) as reader:
            names = [field.name.lower() for field in reader.fields]
            missing = [name for name in _COLUMNS if name not in names]
            if missing:
                raise LayoutError(
                    f"{label}: its shapes have no {', '.join(missing)}, but {shown(', '.join(names[1:]))}. Nothing of "
                    "it was kept; if TLC renamed a column, change taxi_assets/steps/files/zone_shapes.py"
                )
            for each in reader.iterShapeRecords():
                record = {name.lower(): value for name, value in each.record.as_dict().items()}
                area = shape(each.shape.__geo_interface__)
                found[_number(record["locationid"], label)].append((record, area))
                if area.is_empty or area.geom_type not in {"Polygon", "MultiPolygon"}:
                    raise _broken(label, f"zone {record['locationid']} is drawn as a {area.geom_type}, not as an area")
    except (pyshp.ShapefileException, struct.error, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _broken(label, f"its shapes cannot be read ({shown(str(error))})") from error
    if not found:
        raise _broken(label, "it has no shapes")
    return found


def _number(value: object, label: str) -> int:
    if isinstance(value, int) and FIRST_ZONE <= value < UNKNOWN_ZONE:
        return value
    raise _broken(
        label,
        f"a shape has the number {shown(str(value))}, and areas have {FIRST_ZONE} to {UNKNOWN_ZONE - 1} "
        f"({UNKNOWN_ZONE} and {OUTSIDE_ZONE} are none; if TLC drew new zones, change taxi_assets/datasets/zones.py)",
    )


def _zone(number: int, shapes: list[tuple[Mapping[str, Any], Any]]) -> ZoneShape:
    """All shapes of a number as one. TLC's are valid; what is not is mended as GEOS does, or it could not be asked."""
    import shapely as geos

    shapely = cast("Any", geos)
    areas = [area if area.is_valid else shapely.make_valid(area) for _, area in shapes]
    record = shapes[0][0]
    area = areas[0] if len(areas) == 1 else shapely.union_all(areas)
    return ZoneShape(number, str(record["zone"] or "").strip(), str(record["borough"] or "").strip(), area)


def _broken(label: str, why: str) -> BrokenFileError:
    return BrokenFileError(
        f"{label}: these are no zone shapes as TLC publishes them (misc/taxi_zones.zip): {why}. Nothing of it was "
        "kept, and what there was before is untouched; put the right file in its place, then materialize "
        "raw/taxi_zone_shapes again"
    )
