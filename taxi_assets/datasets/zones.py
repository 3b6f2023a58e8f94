"""Taxi zones: the lookup that gives the zone numbers of trips a name; one file without months.

Belongs here: the lookup's columns, the range of zone numbers, and what the two files are called. Not here: reading the
zones' shapes (``taxi_assets/steps/files/zone_shapes.py``).
"""

from __future__ import annotations

from taxi_assets.datasets.columns import Column, ColumnType, Dataset, Lookup

FIRST_ZONE, LAST_ZONE = 1, 265
"""The zone numbers that exist. 264 (unknown) and 265 (outside the city) are zones like the others."""

UNKNOWN_ZONE, OUTSIDE_ZONE = 264, 265
"""The two that are no areas: a place that nobody noted, and one outside the city."""

TAXI_ZONE_SHAPES = "taxi_zone_shapes"
"""Name of the asset, and of the folder below ``raw``, of the zones' shapes."""

TAXI_ZONE_SHAPES_FILE = "taxi_zones.zip"
"""The shapes as published, below ``misc/`` at TLC: a zip archive of a shapefile."""


def zone_columns(dataset: Dataset) -> list[str]:
    """The columns of a dataset that refer to the lookup."""
    return [column.name for column in dataset.columns if column.name in ("pulocationid", "dolocationid")]


TAXI_ZONES = Lookup(
    name="taxi_zones",
    title="Taxi zones",
    description="The zones that pickups and dropoffs are published in: 263 areas of the city and Newark airport, "
    "one number for unknown places and one for places outside.",
    file_name="taxi_zone_lookup.csv",
    key="locationid",
    columns=(
        Column(
            "locationid", ColumnType.CODE, "Number of the zone, as in pulocationid and dolocationid.", required=True
        ),
        Column("borough", ColumnType.TEXT, "Borough, EWR for Newark airport, or Unknown."),
        Column("zone", ColumnType.TEXT, "Name of the zone."),
        Column("service_zone", ColumnType.TEXT, "Yellow Zone, Boro Zone, Airports, EWR, or N/A."),
    ),
)

WITHOUT_MONTHS = (TAXI_ZONES.name, TAXI_ZONE_SHAPES)
"""What is loaded beside the datasets: one file each, replaced as a whole."""
