"""The marts: what is made of trips for questions that are asked often, and the one vocabulary that all datasets share.

Belongs here: columns, types and descriptions, from which tables and views are made. Not here: the SQL that computes
them (``taxi_assets/steps/views/marts``, ``taxi_assets/steps/marts/sql``). All is derived, nothing is published so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from taxi_assets.datasets.codes import HIGH_VOLUME_LICENSES, PAYMENTS
from taxi_assets.datasets.columns import FILE_MONTH, Column, ColumnType
from taxi_assets.datasets.vocabulary import coded, usd

SCHEMA = "marts"
"""Schema of the marts in DuckDB; in BigQuery they are in the dataset ``<GCP_DATASET>_marts``."""


@dataclass(frozen=True)
class Mart:
    """One mart: a table with the columns ``service`` and ``file_month``, replaced month by month for each service.

    Attributes:
        name: Of its table and asset: ``zone_hours``.
        title: What people call it.
        description: For the UI and for table comments.
        columns: In the order of the table.
        order: Names of the columns by which its rows lie, so that a question about a zone reads little.
    """

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]

    @property
    def counted(self) -> str:
        """Name of the column whose sum is the number of trips."""
        return "trips" if any(column.name == "trips" for column in self.columns) else "clean"

    @cached_property
    def layout(self) -> str:
        """Identifies names and types of the columns: files of one layout are read as one table."""
        facts = repr([(column.name, column.type.name) for column in self.columns])
        return hashlib.sha256(facts.encode()).hexdigest()[:8]


SERVICE = Column("service", ColumnType.TEXT, "Which dataset the trips are of: yellow, green, fhv or fhvhv.")
IN_FILE_MONTH = Column(
    "in_file_month",
    ColumnType.YES_NO,
    "Whether the pickup's clock says the month of the file. Stragglers, and clocks that were years off, are counted in "
    "their file's month and told apart by this.",
)
_PICKUP_ZONE = Column("pickup_zone", ColumnType.CODE, "Taxi zone of the pickup, 1 to 265; NULL where none is known.")
_DROPOFF_ZONE = Column("dropoff_zone", ColumnType.CODE, "Taxi zone of the dropoff, 1 to 265; NULL where none is known.")
_MILES = Column(
    "miles",
    ColumnType.NUMBER,
    "Distance driven: by the taximeter, or as the app company reports it; not published for fhv.",
    unit="miles",
)
_SECONDS = Column(
    "seconds",
    ColumnType.COUNT,
    "From pickup to dropoff by the trip's own clocks; for fhvhv the time that is published. It can be negative or "
    "years long where a clock was wrong.",
    unit="seconds",
)
_FARE = usd("fare", "Fare without extras: by the meter, or the app's base fare.")
_TIP = usd("tip", "Tip: for taxis those paid by card, for fhvhv all that go through the app.")
_TOLLS = usd("tolls", "Tolls of the whole trip.")
_TOTAL = usd(
    "total",
    "Charged to the passenger: as published for taxis, without cash tips; for fhvhv the sum of the published parts, "
    "tips included.",
)

TRIPS = (
    SERVICE,
    FILE_MONTH,
    Column("pickup_at", ColumnType.TIME, "When the trip began, New York wall-clock time."),
    Column("dropoff_at", ColumnType.TIME, "When the trip ended, New York wall-clock time."),
    _PICKUP_ZONE,
    _DROPOFF_ZONE,
    Column("passengers", ColumnType.CODE, "Passengers as the driver entered them; taxis only."),
    _MILES,
    _SECONDS,
    _FARE,
    _TIP,
    _TOLLS,
    _TOTAL,
    coded("payment", ColumnType.CODE, "How the passenger of a taxi paid", PAYMENTS),
    coded("company", ColumnType.TEXT, "License of the app company, fhvhv only", HIGH_VOLUME_LICENSES),
    Column(
        "tip_recorded",
        ColumnType.YES_NO,
        "Whether a tip, had there been one, would be in the record: taxi rides paid by card, app rides of files that "
        "have tips.",
    ),
    IN_FILE_MONTH,
)
"""Columns of the view ``marts.trips``. What a service does not publish is NULL."""

TRIPS_DESCRIPTION = (
    "Trips of all datasets and years in one vocabulary. A view over the tables of trips; what a service does not "
    "publish is NULL."
)


def _sums() -> tuple[Column, ...]:
    summed = (replace(column, description=f"Sum. {column.description}") for column in (_MILES, _SECONDS, _FARE, _TIP))
    return (
        Column("trips", ColumnType.COUNT, "How many trips."),
        *summed,
        replace(_TOLLS, description=f"Sum. {_TOLLS.description}"),
        replace(_TOTAL, description=f"Sum. {_TOTAL.description}"),
        Column("priced_trips", ColumnType.COUNT, "Trips that have a fare, of whatever amount: divide fares by these."),
        Column(
            "tipped_trips",
            ColumnType.COUNT,
            "Trips with a fare above zero whose payment would record a tip, tipped or not: divide by these.",
        ),
        usd("tipped_fare", "Sum of the fares of those trips."),
        usd("tipped_tip", "Sum of the tips of those trips."),
        Column(
            "moving_trips",
            ColumnType.COUNT,
            "Trips whose clocks and distance can both be right: a minute to six hours, up to 80 miles an hour.",
        ),
        Column("moving_miles", ColumnType.NUMBER, "Sum of the distances of those trips.", unit="miles"),
        Column("moving_seconds", ColumnType.COUNT, "Sum of the durations of those trips.", unit="seconds"),
    )


ZONE_HOURS = Mart(
    name="zone_hours",
    title="Zones by the hour",
    description="Trips, miles, time and money by date, hour and pickup zone.",
    columns=(
        SERVICE,
        FILE_MONTH,
        Column("pickup_date", ColumnType.DATE, "Date of the pickup by the trip's clock, right or wrong."),
        Column("pickup_hour", ColumnType.CODE, "Hour of the pickup, 0 to 23, New York wall-clock time."),
        _PICKUP_ZONE,
        IN_FILE_MONTH,
        *_sums(),
    ),
    order=("pickup_zone", "pickup_date", "pickup_hour"),
)

ZONE_PAIRS = Mart(
    name="zone_pairs",
    title="From zone to zone",
    description="Trips, miles, time and money by the zones in which trips began and ended.",
    columns=(SERVICE, FILE_MONTH, _PICKUP_ZONE, _DROPOFF_ZONE, IN_FILE_MONTH, *_sums()),
    order=("pickup_zone", "dropoff_zone"),
)

MONTHS = Mart(
    name="months",
    title="Months",
    description="One row a published file: what was published, clean, rejected, unreadable and odd, and its version.",
    columns=(
        SERVICE,
        FILE_MONTH,
        Column("file", ColumnType.TEXT, "Name of the file as published."),
        Column("format", ColumnType.TEXT, "csv, csv.gz or parquet."),
        Column("source", ColumnType.TEXT, "Where it came from."),
        Column("synthetic", ColumnType.YES_NO, "Whether it was made up on the spot."),
        Column("version", ColumnType.TEXT, "Content id of the clean file: equal ids, equal trips."),
        Column("published", ColumnType.COUNT, "Data lines of the file: the sum of clean and rejected."),
        Column("rejected", ColumnType.COUNT, "Lines that cannot be a trip record."),
        Column("unreadable", ColumnType.COUNT, "Values of optional columns that could not be read and became NULL."),
        Column("clean", ColumnType.COUNT, "Trips, counted in the warehouse."),
        Column("odd", ColumnType.COUNT, "Trips with at least one of the oddities that follow; they are kept."),
        Column("pickup_outside_month", ColumnType.COUNT, "Trips whose pickup is not in the month of the file."),
        Column("dropoff_not_after_pickup", ColumnType.COUNT, "Trips that end at or before their beginning."),
        Column("negative_fare", ColumnType.COUNT, "Trips with a fare below zero, as refunds are published."),
        Column("negative_total", ColumnType.COUNT, "Trips with a total below zero; NULL where no total is published."),
        Column("no_distance", ColumnType.COUNT, "Trips with a distance of zero or less."),
        Column("no_passengers", ColumnType.COUNT, "Trips with zero passengers."),
        Column("passengers_missing", ColumnType.COUNT, "Trips without a number of passengers."),
        Column("unknown_pickup_zone", ColumnType.COUNT, "Trips whose pickup zone is none of 1 to 265."),
        Column("unknown_dropoff_zone", ColumnType.COUNT, "Trips whose dropoff zone is none of 1 to 265."),
        Column("unlisted_code", ColumnType.COUNT, "Trips with a code that TLC's dictionaries do not list."),
    ),
    order=(),
)

MARTS: Mapping[str, Mart] = {mart.name: mart for mart in (ZONE_HOURS, ZONE_PAIRS, MONTHS)}
"""By name, in the order in which people look."""

MONEY: Mapping[str, str] = {"yellow": "total", "green": "total", "fhvhv": "fare"}
"""By service the column of the marts that adds up the dataset's own ``total`` column; fhv publishes no money."""
