"""Green taxis: street hails by boro cabs outside Manhattan's core, published since 2013-08.

Belongs here: the dataset's columns in the order of every table: those of 2019 in TLC's order, then what came later
and what was dropped earlier. A new column goes to the end.
"""

from __future__ import annotations

from taxi_assets.datasets import vocabulary as v
from taxi_assets.datasets.codes import TRIP_TYPES
from taxi_assets.datasets.columns import Column, ColumnType, Dataset

_COORDINATES_ALONE = "CSV until 2016-06"

GREEN = Dataset(
    name="green",
    title="Green taxi",
    description=(
        "Trips of New York's boro (green) taxis, which take street hails outside the core of Manhattan. "
        "Each row is one published record, refunds and test records included."
    ),
    first_month="2013-08",
    pickup="lpep_pickup_datetime",
    dropoff="lpep_dropoff_datetime",
    total="total_amount",
    essential=(
        "vendorid",
        "lpep_pickup_datetime",
        "lpep_dropoff_datetime",
        "passenger_count",
        "trip_distance",
        "payment_type",
        "fare_amount",
        "total_amount",
    ),
    columns=(
        v.VENDORID,
        Column(
            "lpep_pickup_datetime",
            ColumnType.TIME,
            "When the meter was engaged, New York wall-clock time; some clocks were years off.",
            required=True,
        ),
        Column(
            "lpep_dropoff_datetime",
            ColumnType.TIME,
            "When the meter was disengaged, New York wall-clock time.",
        ),
        v.STORE_AND_FWD_FLAG,
        v.RATECODEID,
        v.located(v.PULOCATIONID, _COORDINATES_ALONE),
        v.located(v.DOLOCATIONID, _COORDINATES_ALONE),
        v.PASSENGER_COUNT,
        v.TRIP_DISTANCE,
        v.FARE_AMOUNT,
        v.EXTRA,
        v.MTA_TAX,
        v.TIP_AMOUNT,
        v.TOLLS_AMOUNT,
        v.usd("ehail_fee", "Fee for hailing by an app; empty in almost every file."),
        v.IMPROVEMENT_SURCHARGE,
        v.TOTAL_AMOUNT,
        v.PAYMENT_TYPE,
        v.coded("trip_type", ColumnType.CODE, "How the taxi was found", TRIP_TYPES),
        v.CONGESTION_SURCHARGE,
        v.CBD_CONGESTION_FEE,
        v.REQUEST_SOURCE,
        *v.COORDINATES,
    ),
)
