"""Taxi zones: the lookup that gives the zone numbers of trips a name; one file without months.

Belongs here: the lookup's columns and the range of zone numbers. Not here: the zones' shapes, which TLC publishes
separately and nobody here reads.
"""

from __future__ import annotations

from taxi_assets.datasets.columns import Column, ColumnType, Lookup

FIRST_ZONE, LAST_ZONE = 1, 265
"""The zone numbers that exist. 264 (unknown) and 265 (outside the city) are zones like the others."""

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
