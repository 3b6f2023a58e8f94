"""In which zone a point lies: exactly, for any points, and at once for the cells of a grid that no border crosses.

Belongs here: the geometry. Not here: which months are located, and the SQL (``locate.py``).

What counts is point in polygon on the shapes as they are drawn, in US feet. A point on the border of two zones, or
where two overlap (in TLC's file 302 pairs do, by less than a square foot), lies in the zone with the lower number.

Exact answers cost about a microsecond a point, and a month has 28 million. So the city is cut into cells of about 33
metres; those within a foot of a border, a tenth of what trips touch, are the only ones whose points are asked exactly.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from taxi_assets.datasets.zones import OUTSIDE_ZONE
from taxi_assets.steps.files.zone_shapes import CRS, DEGREES, ZoneShapes, transformer

if TYPE_CHECKING:
    from pyproj import Transformer

BORDER = 0
"""Stands for the zone of a cell that a border crosses."""

_LONGITUDE_STEP, _LATITUDE_STEP = 0.0004, 0.0003
"""Degrees: 34 by 33 metres in New York. Smaller cells would be more, and take longer to join than they save."""

_MOST_CELLS = 8_000_000
"""Shapes that lie far apart get larger cells."""

_STRIDE_FEET = 30.0
_SLACK_FEET = 1.0
"""Added on each side of a border: far more than rounding and the bend of a line between the two projections."""

_FEET_A_DEGREE = 357_000.0
"""Of latitude, and of longitude at the equator; a little less than anywhere on earth."""


@dataclass(frozen=True)
class Cells:
    """The cells that are in a zone or on a border; what lies in none of them lies in no zone.

    Attributes:
        west: Longitude at which the first column begins.
        south: Latitude at which the first row begins.
        longitude_step: Degrees that a column is wide.
        latitude_step: Degrees that a row is high.
        columns: How many there are.
        rows: How many there are.
        cell: Numbers, ``column * rows + row``, as an int32 array.
        zone: The zone that each lies in as a whole, or :data:`BORDER`, as an int16 array.
    """

    west: float
    south: float
    longitude_step: float
    latitude_step: float
    columns: int
    rows: int
    cell: Any
    zone: Any


class ZoneGrid:
    """The zones of one file, ready to be asked."""

    def __init__(self, shapes: ZoneShapes) -> None:
        import numpy as np
        import shapely

        self._shapely = cast("Any", shapely)
        self._areas: Any = np.array([zone.area for zone in shapes.zones], dtype=object)
        self._numbers: Any = np.array([zone.locationid for zone in shapes.zones], dtype=np.int16)
        self._tree = self._shapely.STRtree(self._areas)
        self._shapely.prepare(self._areas)
        self._to_feet: Transformer = transformer(DEGREES, CRS)
        # DuckDB's threads get a new state of Python's at each call, in which pyproj makes its transformer anew; as the
        # old one goes away, the process crashes. And GEOS, when it is first asked about an area, is to be asked once.
        self._thread = ThreadPoolExecutor(1, "zone-grid")
        self.cells = self._cells()

    def zone_of(self, longitude: Any, latitude: Any) -> Any:
        """The zone of each point, 265 where it lies in none; arrays of finite degrees to an int16 array.

        Any thread may ask; the answer is worked out in a thread of the grid's own.
        """
        return self._thread.submit(self._zone_of, longitude, latitude).result()

    def _zone_of(self, longitude: Any, latitude: Any) -> Any:
        import numpy as np

        x, y = self._to_feet.transform(longitude, latitude)
        found = np.full(len(x), OUTSIDE_ZONE, dtype=np.int16)
        # First those whose bounding box has the point, then exactly; a point on the border counts as inside.
        point, area = self._tree.query(self._shapely.points(x, y))
        inside = self._shapely.intersects_xy(self._areas[area], x[point], y[point])
        np.minimum.at(found, point[inside], self._numbers[area[inside]])
        return found

    def _cells(self) -> Cells:
        import numpy as np

        lines = self._shapely.segmentize(self._shapely.boundary(self._areas), _STRIDE_FEET)
        feet = self._shapely.get_coordinates(lines)
        longitude, latitude = transformer(CRS, DEGREES).transform(feet[:, 0], feet[:, 1])
        # Each point of a border is at most so far from one of those.
        reach = _STRIDE_FEET / 2 + _SLACK_FEET
        latitude_reach = reach / _FEET_A_DEGREE
        longitude_reach = reach / (_FEET_A_DEGREE * math.cos(math.radians(float(abs(latitude).max()))))
        west, south = float(longitude.min()) - _LONGITUDE_STEP, float(latitude.min()) - _LATITUDE_STEP
        wide, high = float(longitude.max()) - west, float(latitude.max()) - south
        enlarged = max(1.0, math.sqrt(wide * high / (_LONGITUDE_STEP * _LATITUDE_STEP * _MOST_CELLS)))
        longitude_step, latitude_step = _LONGITUDE_STEP * enlarged, _LATITUDE_STEP * enlarged
        columns, rows = int(wide / longitude_step) + 2, int(high / latitude_step) + 2

        def column(degrees: Any) -> Any:
            return np.floor((degrees - west) / longitude_step).astype(np.int64)

        def row(degrees: Any) -> Any:
            return np.floor((degrees - south) / latitude_step).astype(np.int64)

        on_border = np.zeros(columns * rows, dtype=bool)
        # A square that is smaller than a cell lies in the cells of its corners.
        for east_or_west in (-longitude_reach, longitude_reach):
            for north_or_south in (-latitude_reach, latitude_reach):
                on_border[column(longitude + east_or_west) * rows + row(latitude + north_or_south)] = True

        # Neighbours of one column without a border between them lie in the same zone: one of each row of them is asked.
        cell = np.arange(columns * rows)
        begins = np.flatnonzero((np.diff(on_border, prepend=not on_border[0])) | (cell % rows == 0))
        free = begins[~on_border[begins]]
        middle = (west + (free // rows + 0.5) * longitude_step, south + (free % rows + 0.5) * latitude_step)
        of_run = np.full(len(begins), BORDER, dtype=np.int16)
        of_run[~on_border[begins]] = self.zone_of(*middle)
        zone = np.repeat(of_run, np.diff(begins, append=len(cell)))
        there = np.flatnonzero(zone != OUTSIDE_ZONE)
        return Cells(west, south, longitude_step, latitude_step, columns, rows, there.astype(np.int32), zone[there])
