"""Yellow taxis: street hails by medallion cabs, published since 2009-01.

Belongs here: the dataset's columns in the order of every table: those of 2019 in TLC's order, then what came later
and what was dropped earlier. A new column goes to the end.
"""

from __future__ import annotations

from dataclasses import replace

from taxi_assets.datasets import vocabulary as v
from taxi_assets.datasets.columns import Column, ColumnType, Dataset

_COORDINATES_ALONE = "CSV until 2016-06, Parquet until 2010-12"

YELLOW = Dataset(
    name="yellow",
    title="Yellow taxi",
    description=(
        "Trips of New York's medallion (yellow) taxis, as reported by the technology providers in the cabs. "
        "Each row is one published record, refunds and test records included."
    ),
    first_month="2009-01",
    pickup="tpep_pickup_datetime",
    dropoff="tpep_dropoff_datetime",
    total="total_amount",
    essential=(
        "vendorid",
        "tpep_pickup_datetime",
        "tpep_dropoff_datetime",
        "passenger_count",
        "trip_distance",
        "payment_type",
        "fare_amount",
        "total_amount",
    ),
    columns=(
        v.VENDORID,
        Column(
            "tpep_pickup_datetime",
            ColumnType.TIME,
            "When the meter was engaged, New York wall-clock time; some clocks were years off.",
            aliases=("pickup_datetime", "trip_pickup_datetime"),
            required=True,
        ),
        Column(
            "tpep_dropoff_datetime",
            ColumnType.TIME,
            "When the meter was disengaged, New York wall-clock time.",
            aliases=("dropoff_datetime", "trip_dropoff_datetime"),
        ),
        v.PASSENGER_COUNT,
        v.TRIP_DISTANCE,
        v.RATECODEID,
        v.STORE_AND_FWD_FLAG,
        # The CSV files have zones since 2016-07; TLC's re-issue as Parquet gives them from 2011-01 on.
        replace(v.located(v.PULOCATIONID, _COORDINATES_ALONE), first_month="2011-01"),
        replace(v.located(v.DOLOCATIONID, _COORDINATES_ALONE), first_month="2011-01"),
        v.PAYMENT_TYPE,
        v.FARE_AMOUNT,
        v.EXTRA,
        v.MTA_TAX,
        v.TIP_AMOUNT,
        v.TOLLS_AMOUNT,
        v.IMPROVEMENT_SURCHARGE,
        v.TOTAL_AMOUNT,
        v.CONGESTION_SURCHARGE,
        v.usd("airport_fee", "Fee for pickups at LaGuardia and John F. Kennedy airports; empty in older files."),
        v.CBD_CONGESTION_FEE,
        v.REQUEST_SOURCE,
        *v.COORDINATES,
    ),
)
