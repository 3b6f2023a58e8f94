"""The map: the zones' shapes as SVG paths, small enough for a page and with borders that still meet.

Belongs here: simplifying and projecting shapes. Not here: where shapes come from, and which zone a point lies in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

WIDTH = 1000
"""Of the map, in units of its paths, which are whole numbers."""

_TOLERANCE = 1.2
"""How far, in those units, a border may move: about a pixel on a laptop."""

_SPECK = 6.0
"""Square units; a piece of a zone that is smaller is left out, unless it is all there is: rocks and piers."""


@dataclass(frozen=True)
class ZoneMap:
    """The zones as paths.

    Attributes:
        width: Of the drawing.
        height: Of the drawing.
        paths: SVG path of each zone, by its number; y runs down.
    """

    width: int
    height: int
    paths: Mapping[int, str]


def draw(shapes: Mapping[int, BaseGeometry]) -> ZoneMap | None:
    """Draws zones; None when there are none.

    Args:
        shapes: Polygons in one flat projection whose y runs up, by zone number: TLC's EPSG:2263 (US feet), or a
            synthetic city's.
    """
    import shapely

    numbers = sorted(number for number, shape in shapes.items() if not shape.is_empty)
    if not numbers:
        return None
    polygons: Any = [shapes[number] for number in numbers]
    left, bottom, right, top = shapely.total_bounds(polygons)
    size = WIDTH / max(right - left, 1e-9)
    placed = shapely.transform(polygons, lambda points: (points - [left, top]) * [size, -size])
    # Neighbours share their borders: simplified one by one, they would overlap and gape.
    coverage_simplify: Any = shapely.coverage_simplify
    simple: list[Any] = list(coverage_simplify(placed, _TOLERANCE))
    return ZoneMap(
        width=WIDTH,
        height=round((top - bottom) * size),
        paths={number: _path(shape) for number, shape in zip(numbers, simple, strict=True)},
    )


def _path(shape: Any) -> str:
    import shapely

    parts = list(shapely.get_parts(shape))
    kept = [part for part in parts if part.area >= _SPECK] or [max(parts, key=lambda part: part.area)]
    return "".join(_ring(ring.coords) for part in kept for ring in (part.exterior, *part.interiors))


def _ring(points: Any) -> str:
    """A closed ring, in steps from point to point, which are shorter to write than places."""
    corners = [(round(x), round(y)) for x, y in points]
    x, y = corners[0]
    written = [f"M{x} {y}l"]
    for corner in corners[1:-1]:
        if corner != (x, y):
            dx, dy = corner[0] - x, corner[1] - y
            written.append(f"{dx}{dy if dy < 0 else f' {dy}'} ")
            x, y = corner
    return "".join(written).rstrip() + "z"
