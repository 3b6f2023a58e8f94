"""Zones for the years of coordinates: pickups and dropoffs are located in TLC's zone shapes.

Belongs here: which zones of a month are located, and the SQL around it. Not here: the geometry (``zone_grid.py``).

Where a file has coordinates and no zones (CSV until 2016-06, TLC's Parquet of 2009 and 2010), ``pulocationid`` and
``dolocationid`` are what point in polygon says of the coordinates: 264 where they are missing, zero or no degrees, 265
where they lie in no zone. The coordinates stay as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.datasets.zones import OUTSIDE_ZONE, UNKNOWN_ZONE
from taxi_assets.errors import BrokenFileError, LayoutError
from taxi_assets.steps.clean.reading.csv_layout import first_line
from taxi_assets.steps.clean.zone_grid import BORDER, Cells, ZoneGrid
from taxi_assets.steps.files.header import map_columns
from taxi_assets.steps.files.raw_file import PublishedFile, RawFile
from taxi_assets.steps.files.sql import identifier
from taxi_assets.steps.files.zone_shapes import read_zone_shapes
from taxi_assets.steps.raw.as_fetched import must_be_as_fetched

if TYPE_CHECKING:
    import duckdb

LOCATING_VERSION = 1
"""Raised when the same coordinates and shapes would give other zones."""

PLACES = {
    "pulocationid": ("pickup_longitude", "pickup_latitude"),
    "dolocationid": ("dropoff_longitude", "dropoff_latitude"),
}
"""The columns that say where a trip began and ended: its zone, and longitude and latitude in degrees."""

_CELLS = "zone_cells"
_FUNCTION = "zone_of"

NEEDS_ORDER = "build_side_probe_side,join_order"
"""DuckDB's optimizers that would turn a join round, after which trips are no longer in the file's order."""


def zones_to_locate(raw: RawFile, ignore: Set[str] = frozenset()) -> tuple[str, ...]:
    """The zone columns that a file lacks though it has the coordinates; none of one that is not sound.

    A file lacks a column that its header does not name and, in Parquet, whose statistics say that no trip has a value.

    Args:
        raw: The published file.
        ignore: Names of columns that are skipped on purpose, each as ``plain_name`` makes it.
    """
    dataset = DATASETS[raw.month.dataset]
    if not has_coordinates(dataset):
        return ()
    try:
        header = _header(raw)
        positions = map_columns(header, dataset, raw.path, ignore=ignore).positions
        # A CSV would have to be read to its end to know.
        filled = filled_values(raw.path) if raw.format == "parquet" else None
    except (LayoutError, BrokenFileError, OSError, EOFError, ValueError):
        # Whoever cleans it says what is wrong.
        return ()

    def lacks(zone: str) -> bool:
        named = [header[position] for position in positions.get(zone, ())]
        return not named or (filled is not None and not any(filled[name] for name in named))

    return tuple(zone for zone, place in PLACES.items() if lacks(zone) and set(place) <= positions.keys())


def zones_left_empty(clean_file: Path | BinaryIO) -> tuple[str, ...]:
    """The zone columns of a clean file without any value though trips have coordinates, by its own statistics."""
    filled = filled_values(clean_file)
    return tuple(zone for zone, place in PLACES.items() if filled[place[0]] and not filled[zone])


def filled_values(parquet_file: Path | BinaryIO) -> Counter[str]:
    """By column, how many rows of a Parquet file are not NULL; all of them where it has no statistics."""
    from pyarrow import parquet

    footer = cast("Any", parquet.read_metadata(parquet_file))
    # A column without a type has no statistics, and no values: Arrow's "null", Parquet's "unknown".
    columns = range(footer.num_columns)
    typed = [number for number in columns if footer.schema.column(number).logical_type.type != "UNKNOWN"]
    filled: Counter[str] = Counter()
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for chunk in map(group.column, typed):
            found = chunk.statistics
            nulls = found.null_count if found is not None and found.has_null_count else 0
            filled[chunk.path_in_schema] += chunk.num_values - nulls
    return filled


def has_coordinates(dataset: Dataset) -> bool:
    """Whether months of the dataset have had coordinates."""
    names = {column.name for column in dataset.columns}
    return all(names.issuperset((zone, *place)) for zone, place in PLACES.items())


def _header(raw: RawFile) -> list[str]:
    if raw.format == "parquet":
        from pyarrow import parquet

        return [str(name) for name in cast("Any", parquet.read_schema(raw.path)).names]
    names = [name.strip().strip('"').strip() for name in first_line(raw.path, raw.format).split(",")]
    # A comma at the end of the header alone names no column.
    while len(names) > 1 and not names[-1]:
        names.pop()
    return names


def why_not_located(raw: RawFile, zone_shapes: PublishedFile | None) -> str:
    """What keeps coordinates from being located with these shapes, and what to do; empty when nothing does."""
    if zone_shapes is None:
        return (
            "the zones' shapes are not there: materialize raw/taxi_zone_shapes (source tlc, or a folder with "
            "misc/taxi_zones.zip), then this month again"
        )
    if zone_shapes.synthetic and not raw.synthetic:
        return (
            "the zones' shapes that are there are those of the sample's synthetic city: materialize "
            "raw/taxi_zone_shapes from the source of these trips, then this month again"
        )
    return ""


@dataclass(frozen=True)
class Locating:
    """How the zones of one month are located.

    Attributes:
        zones: The zone columns that are.
        version: Of the shapes.
        cells: The grid's, which are in the connection's table ``zone_cells``.
    """

    zones: tuple[str, ...]
    version: str
    cells: Cells

    def located(self, trips: str) -> str:
        """The rows of ``trips``, a query of canonical rows, in their order, with the zones of their coordinates."""
        zones = ", ".join(f"{self._zone(zone)} AS {identifier(zone)}" for zone in self.zones)
        joins = " ".join(
            f"LEFT JOIN {_CELLS} AS cell_of_{zone} ON cell_of_{zone}.cell = {self._cell(zone)}" for zone in self.zones
        )
        return f"SELECT trips.* REPLACE ({zones}) FROM ({trips}) AS trips {joins}"

    def _zone(self, zone: str) -> str:
        longitude, latitude = _columns(zone)
        return (
            f"CAST(CASE WHEN {longitude} BETWEEN -180 AND 180 AND {latitude} BETWEEN -90 AND 90 "
            f"AND {longitude} <> 0 AND {latitude} <> 0 "
            f"THEN CASE coalesce(cell_of_{zone}.zone, {OUTSIDE_ZONE}) "
            f"WHEN {BORDER} THEN {_FUNCTION}({longitude}, {latitude}) "
            f"ELSE coalesce(cell_of_{zone}.zone, {OUTSIDE_ZONE}) END ELSE {UNKNOWN_ZONE} END AS SMALLINT)"
        )

    def _cell(self, zone: str) -> str:
        """The number of the cell that a trip's place lies in; NULL beyond all cells."""
        longitude, latitude = _columns(zone)
        column = f"floor(({longitude} - {self.cells.west!r}) / {self.cells.longitude_step!r})"
        row = f"floor(({latitude} - {self.cells.south!r}) / {self.cells.latitude_step!r})"
        return (
            f"CASE WHEN {column} BETWEEN 0 AND {self.cells.columns - 1} AND {row} BETWEEN 0 AND {self.cells.rows - 1} "
            f"THEN CAST({column} * {self.cells.rows} + {row} AS INTEGER) END"
        )


@contextmanager
def locating(
    zones: tuple[str, ...], zone_shapes: PublishedFile, connection: duckdb.DuckDBPyConnection
) -> Generator[Locating]:
    """Makes a connection ready to locate the zones of a month.

    Raises:
        BrokenFileError: The file of shapes is not what was fetched, or cannot be read.
        FileChangedError: Another run replaced it meanwhile.
    """
    import pyarrow as pa

    grid = _grid_of(zone_shapes)
    cells = cast("Any", pa).table({"cell": grid.cells.cell, "zone": grid.cells.zone})
    connection.register("grid_cells", cells)
    connection.execute(f"CREATE TEMP TABLE {_CELLS} AS FROM grid_cells")
    connection.unregister("grid_cells")
    connection.create_function(_FUNCTION, _asked(grid), ["DOUBLE", "DOUBLE"], "SMALLINT", type=cast("Any", "arrow"))
    try:
        yield Locating(zones, zone_shapes.sha256, grid.cells)
    finally:
        connection.remove_function(_FUNCTION)


@lru_cache(maxsize=2)
def _grid_of(zone_shapes: PublishedFile) -> ZoneGrid:
    """The grid of a file of shapes, which takes a third of a second to make; the months of a run share it."""
    shapes = read_zone_shapes(zone_shapes.path)
    must_be_as_fetched(zone_shapes, shapes.version)
    return ZoneGrid(shapes)


def _asked(grid: ZoneGrid) -> Any:
    def zone_of(longitude: Any, latitude: Any) -> Any:
        import pyarrow as pa

        return cast("Any", pa).array(grid.zone_of(longitude.to_numpy(), latitude.to_numpy()))

    return zone_of


def _columns(zone: str) -> tuple[str, str]:
    longitude, latitude = PLACES[zone]
    return f"trips.{identifier(longitude)}", f"trips.{identifier(latitude)}"
