"""High-volume for-hire services: Uber, Lyft, Via and Juno, published since 2019-02.

Belongs here: the dataset's columns in the order of every table: the seven of the first CSV files in TLC's order, then
those of the Parquet files, which cover all months. A new column goes to the end.
"""

from __future__ import annotations

from dataclasses import replace

from taxi_assets.datasets import vocabulary as v
from taxi_assets.datasets.codes import HIGH_VOLUME_LICENSES
from taxi_assets.datasets.columns import Column, ColumnType, Dataset

FHVHV = Dataset(
    name="fhvhv",
    title="High-volume for-hire vehicles",
    description=(
        "Trips of companies that dispatch more than 10,000 trips a day in New York, such as Uber and Lyft. "
        "Fares and pay are in the Parquet edition only."
    ),
    first_month="2019-02",
    pickup="pickup_datetime",
    dropoff="dropoff_datetime",
    total="base_passenger_fare",
    essential=("hvfhs_license_num", "dispatching_base_num", "pickup_datetime", "dropoff_datetime"),
    columns=(
        v.coded("hvfhs_license_num", ColumnType.TEXT, "License of the company", HIGH_VOLUME_LICENSES),
        v.DISPATCHING_BASE_NUM,
        Column(
            "pickup_datetime",
            ColumnType.TIME,
            "When the passenger got in, New York wall-clock time.",
            required=True,
        ),
        Column("dropoff_datetime", ColumnType.TIME, "When the passenger got out, New York wall-clock time."),
        v.PULOCATIONID,
        v.DOLOCATIONID,
        v.SR_FLAG,
        Column("originating_base_num", ColumnType.TEXT, "License number of the base that received the request."),
        Column("request_datetime", ColumnType.TIME, "When the passenger asked for the ride, New York wall-clock time."),
        Column(
            "on_scene_datetime",
            ColumnType.TIME,
            "When the driver arrived at the pickup, New York wall-clock time; wheelchair-accessible vehicles only in "
            "most months.",
        ),
        Column("trip_miles", ColumnType.NUMBER, "Distance with the passenger.", unit="miles"),
        Column("trip_time", ColumnType.INTEGER, "Time with the passenger.", unit="seconds"),
        v.usd("base_passenger_fare", "Fare before tolls, tips, taxes and fees."),
        v.usd("tolls", "Tolls of the whole trip."),
        v.usd("bcf", "Collected for the Black Car Fund."),
        v.usd("sales_tax", "New York State sales tax."),
        replace(v.CONGESTION_SURCHARGE, first_month="2019-02"),
        v.usd("airport_fee", "Fee for pickups and dropoffs at LaGuardia, Newark and John F. Kennedy airports."),
        v.usd("tips", "Tips from the passenger."),
        v.usd("driver_pay", "Paid to the driver, without tolls and tips, after commission and taxes."),
        v.flag("shared_request_flag", "Whether the passenger agreed to share the ride, matched or not"),
        v.flag("shared_match_flag", "Whether the ride was shared with someone who booked separately"),
        v.flag("access_a_ride_flag", "Whether the trip was run for the MTA's Access-A-Ride"),
        v.flag("wav_request_flag", "Whether a wheelchair-accessible vehicle was requested"),
        v.flag("wav_match_flag", "Whether the vehicle was wheelchair-accessible"),
        v.CBD_CONGESTION_FEE,
    ),
)
